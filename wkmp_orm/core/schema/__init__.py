"""Creates, upgrades, checks and restores a program's tables, with alembic.

A `Migrations` is the migration history of one owner: its scripts, its version table, its tables.
Several owners may have tables in one database. `backup` copies an SQLite file, and then
`transaction` changes the schema while no other writer runs. `differences` compares a database with
the schema that the scripts create.
"""
