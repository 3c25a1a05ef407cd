"""What the benchmarks found, as tables for a reader and as JSON for a program.

Knows no benchmark.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from rich.table import Table

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

NOT_INSTALLED: Final = "not installed"


@dataclass
class Result:
    """One table: its columns' keys with their headings, and a mapping for each row.

    A value that a row does not have is left blank. Numbers are shown with two decimals.
    """

    name: str
    title: str
    columns: dict[str, str]
    rows: list[dict[str, Any]] = field(default_factory=list)
    note: str = ""

    def add(self, **values: Any) -> None:
        """Add a row."""
        self.rows.append(values)


def show(result: Result, console: Console) -> None:
    """Print a table."""
    table = Table(title=f"{result.name}: {result.title}", title_justify="left", caption=result.note)
    table.caption_justify = "left"
    for number, heading in enumerate(result.columns.values()):
        table.add_column(heading, justify="right" if number else "left")
    for row in result.rows:
        table.add_row(*(spelled(row.get(key)) for key in result.columns))
    console.print(table)


def spelled(value: Any) -> str:
    """Spell a value as a table shows it."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:,.2f}"
        case int():
            return f"{value:,}"
        case _:
            return str(value)


def write_json(results: list[Result], path: Path) -> None:
    """Write all tables, and what they were measured on, to a file."""
    document = {
        "machine": machine(),
        "results": {
            result.name: {"title": result.title, "note": result.note, "rows": result.rows}
            for result in results
        },
    }
    path.write_text(json.dumps(document, indent=2, default=str) + "\n")


def machine() -> dict[str, Any]:
    """Say what the figures were measured on."""
    return {
        "python": sys.version.split()[0],
        "sqlalchemy": sa.__version__,
        "sqlite": sqlite3.sqlite_version,
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "load average": load(),
    }


def load() -> str:
    """Say how many programs have wanted a processor in the last 1, 5 and 15 minutes."""
    if not hasattr(os, "getloadavg"):
        return "unknown"
    return ", ".join(f"{each:.1f}" for each in os.getloadavg())
