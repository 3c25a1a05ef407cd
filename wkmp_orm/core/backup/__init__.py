"""Backs up and restores databases: write a temporary file, check it, then rename it.

`sqlite_copy` copies a database while it is in use, `sound` checks a copy, `rotation` keeps older
backups, and `overwrite` restores a copy into a database that others may have open. `postgresql`
does the same with PostgreSQL's own programs.
"""
