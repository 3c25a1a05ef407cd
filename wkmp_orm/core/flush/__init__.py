"""How accumulated rows become SQL.

`changes` has what a unit of work accumulated. `flush` hands it to the engine, which runs attempts:
each looks up what is known (`prefetch`), chooses statements and their order (`plan`, `statements`),
and sends them in one transaction (`write`, through `senders`). `prepared` and `row_builder` compile
statements and rows once. `ledger` settles a COMMIT whose answer was lost; `refused_row` finds out
which row made a flush fail.
"""
