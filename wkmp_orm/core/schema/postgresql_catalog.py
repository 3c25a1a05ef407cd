"""Reads the definitions of tables from PostgreSQL's catalog, part by part, for comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from wkmp_orm.core.schema.state import Ask

# "Pretty" definitions omit the schema of a table that is on the search path.
_COLUMNS: Final = """
    SELECT c.relname, 'column ' || a.attname, format_type(a.atttypid, a.atttypmod)
        || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
        || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid, true), '')
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relkind IN ('r', 'p') AND pg_table_is_visible(c.oid)
"""
# Without NOT NULL, which is a constraint since PostgreSQL 18: the column's definition has it.
_CONSTRAINTS: Final = """
    SELECT c.relname, 'constraint ' || r.conname, pg_get_constraintdef(r.oid, true)
    FROM pg_constraint r
    JOIN pg_class c ON c.oid = r.conrelid
    WHERE r.contype IN ('c', 'f', 'p', 'u', 'x') AND pg_table_is_visible(c.oid)
"""
_INDEXES: Final = """
    SELECT c.relname, CASE WHEN i.indisunique THEN 'unique ' ELSE '' END || 'index ' || n.relname,
        pg_get_indexdef(i.indexrelid, 0, true)
        || CASE WHEN i.indisvalid THEN '' ELSE ' invalid' END
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indrelid
    JOIN pg_class n ON n.oid = i.indexrelid
    WHERE pg_table_is_visible(c.oid) AND NOT EXISTS (
        SELECT FROM pg_constraint r
        WHERE r.conindid = i.indexrelid AND r.contype IN ('p', 'u', 'x')
    )
"""


def describe_postgresql(ask: Ask, tables: AbstractSet[str]) -> dict[tuple[str, str], str]:
    """Return the definition of each part of the tables, by table and part.

    Only tables on the search path are read.
    """
    return {
        (table, part): definition
        for query in (_COLUMNS, _CONSTRAINTS, _INDEXES)
        for table, part, definition in ask(query)
        if table in tables
    }
