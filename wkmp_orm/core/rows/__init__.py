"""The rows of a unit of work before they are sent.

Callers write to a `table` or `link_table` (`any_table` is their base). `row_checker` checks each
row: `fast_checks` handles most rows, `values` the others. `accumulation` stores the rows in stages,
in the order of the calls. The caller gets `handles`.
"""
