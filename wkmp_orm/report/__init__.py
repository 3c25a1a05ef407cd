"""Writes an HTML page about a library: numbers, pictures, and an import as a time line.

    write_report(library, "library.html", trace="import.jsonl")

It needs the extra `report`. Jinja2 makes the page and escapes everything from the library.
Matplotlib draws the pictures, as SVG without scripts.
"""

from __future__ import annotations

from wkmp_orm.report.writing import write_report

__all__ = ["write_report"]
