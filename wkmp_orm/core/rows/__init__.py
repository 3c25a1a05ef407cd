"""The rows of a unit of work, before anything is sent.

`table` and `link_table` are what a caller writes to (`any_table` is what both share).
`row_checker` checks each row, by `fast_checks` if it can and by `values` if not. `accumulation`
keeps the rows in stages, in the order of the calls; `handles` are what the caller gets back.
"""
