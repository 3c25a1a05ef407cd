"""Turns accumulated rows into SQL.

`changes` contains what a unit of work accumulated. `flush` passes it to the engine, which runs
attempts. Each attempt looks up the stored rows (`prefetch`), chooses statements and their order
(`plan`, `statements`), and sends them in one transaction (`write`, through `senders`). `prepared`
and `row_builder` compile statements and rows once. `ledger` finds out whether a COMMIT without an
answer took effect; `refused_row` finds the row that made a flush fail.
"""
