"""Where it goes: engines, transactions, the writer ticket, retrying and monitoring.

Knows no table and nothing of what is written.
"""
