"""The benchmarks' tables as Markdown, and the part of a page that consists of them.

A page has two comments, and everything between them is written anew by each run. So the figures of
a page are those of one run, which says when it was and how busy the machine was.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from tests.benchmarks.report import spelled
from wkmp_orm import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.benchmarks.report import Result

BEGIN: Final = "<!-- measured: python -m tests.benchmarks -->\n"
END: Final = "<!-- end of what was measured -->"


def write_page(path: Path, text: str) -> None:
    """Replace what stands between the two comments of a page."""
    before, _, after = _parts(path)
    path.write_text(f"{before}{BEGIN}{text}{END}{after}")


def refuse_other_pages(path: Path) -> None:
    """Raise click.BadParameter, before anything is measured, for a page without the comments."""
    _parts(path)


def _parts(path: Path) -> tuple[str, str, str]:
    before, begins, rest = path.read_text().partition(BEGIN)
    figures, ends, after = rest.partition(END)
    if not begins or not ends:
        message = f"{path} has no part for the figures: it is between {BEGIN.strip()} and {END}"
        raise click.BadParameter(message)
    return before, figures, after


def as_markdown(
    results: Sequence[Result], *, machine: Mapping[str, object], load_after: str, seconds: float
) -> str:
    """Spell all tables, below a line that says what they were measured on, and when."""
    on = ", ".join(f"{name} {value}" for name, value in machine.items())
    today = f"{datetime.now(UTC):%d %B %Y}"
    head = (
        f"Version {__version__}, {today}: {on} before and {load_after} after the"
        f" {seconds / 60:.0f} minutes that it took.\n"
    )
    return "\n".join([head, *map(_section, results)])


def _section(result: Result) -> str:
    """Spell one table below its heading; its note comes last."""
    headings = [_cell(heading) for heading in result.columns.values()]
    lines = [
        f"### `{result.name}`: {result.title}\n",
        _line(headings),
        _line(["---", *["--:"] * (len(headings) - 1)]),
        *(_line([_cell(spelled(row.get(key))) for key in result.columns]) for row in result.rows),
        "",
    ]
    if result.note:
        lines.append(f"{result.note[0].upper()}{result.note[1:]}.\n")
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
