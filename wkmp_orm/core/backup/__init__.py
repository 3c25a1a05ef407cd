"""Backups: a copy is made beside its place, checked, and only then put there.

`sqlite_copy` copies a database while it is in use, `sound` checks a copy, `rotation` keeps the
older ones, and `overwrite` brings a copy back into a database that others may have open.
`postgresql` does the same with PostgreSQL's own programs.
"""
