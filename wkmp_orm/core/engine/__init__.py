"""Databases, connections and transactions, of no particular table.

`target` reads a path or URL, `factory` makes its engines (`sqlite`, `postgresql`). `whole_write`
runs the attempts of a write, each a transaction of `writer`: on SQLite it waits for its turn by
`ticket`, between processes by `process_queue`. `faults` classifies errors, `retry` repeats, and
`translate_errors` makes errors of ours. `monitor` reports what each write cost.
"""
