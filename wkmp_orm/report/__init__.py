"""A page to look at: a library in numbers and pictures, and an import as a time line.

    write_report(library, "library.html", trace="import.jsonl")

Needs the extra `report`: Jinja2 makes the page, which escapes all that comes out of the library,
and Matplotlib the pictures, as SVG with no script in it. Must not know a command line.
"""

from __future__ import annotations

from wkmp_orm.report.writing import write_report

__all__ = ["write_report"]
