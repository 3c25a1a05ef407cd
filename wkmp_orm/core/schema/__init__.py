"""Creates, upgrades, checks and backs up a program's tables: alembic from Python.

A `Migrations` is the history of one owner's tables: its scripts, its version table, its tables.
Several owners may keep their tables in one database. A change takes place in one transaction that
excludes all others (`transaction`), after a copy of an SQLite file (`backup`); what the database
has is compared with what the scripts make (`differences`).
"""
