"""Databases, connections and transactions, independent of any table.

`target` parses a path or URL, and `factory` creates its engines (`sqlite`, `postgresql`).
`whole_write` runs the attempts of a write; each is a transaction of `writer`. On SQLite the writer
waits for its turn: between threads in `ticket`, between processes in `process_queue`. `faults`
classifies errors, `retry` repeats transactions, and `translate_errors` raises errors of ours.
`monitor` reports what each write cost.
"""
