"""The table of trials and losses, for a terminal and for a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.table import Table

from .parts import PARTS

if TYPE_CHECKING:
    from pathlib import Path

    from .run import Run

BEGIN = "<!-- measured: python -m tests.torture -->\n"
END = "<!-- end of what was measured -->"
HEADINGS = ("part", "what happens", "trials", "lost", "CPU s", "also counted")


def rows(runs: list[Run]) -> list[tuple[str, ...]]:
    """Return the cells, and a last row with the sums."""
    done = {part.name: part.done for part in PARTS}
    cells = []
    for run in runs:
        counted = ", ".join(f"{number:,} {name}" for name, number in sorted(run.counts.items()))
        trials = "not run" if run.not_run else f"{run.trials:,}"
        lost = "" if run.not_run else f"{len(run.losses):,}"
        cells.append(
            (run.part, done[run.part], trials, lost, f"{run.cpu_s:,.0f}", run.not_run or counted)
        )
    sums = (
        sum(run.trials for run in runs),
        sum(len(run.losses) for run in runs),
        round(sum(run.cpu_s for run in runs)),
    )
    return [*cells, ("all", "", *(f"{each:,}" for each in sums), "")]


def as_table(runs: list[Run], title: str) -> Table:
    """Return a table for a terminal."""
    table = Table(title=title, title_justify="left")
    for number, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="right" if number in (2, 3, 4) else "left")
    for cells in rows(runs):
        table.add_row(*cells)
    return table


def as_markdown(runs: list[Run], title: str) -> str:
    """Return a table for a page."""
    lines = [f"| {' | '.join(HEADINGS)} |", "|---|---|---:|---:|---:|---|"]
    lines += (f"| {' | '.join(cells)} |" for cells in rows(runs))
    return "\n".join([*lines, "", f"{title}.", ""])


def write_page(page: Path, text: str) -> None:
    """Put a table between the two comments of a page, in the place of the one that is there."""
    before, after = around_table(page)
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def around_table(page: Path) -> tuple[str, str]:
    """Return what stands before and behind the table; click.BadParameter if it has no place."""
    before, begins, rest = page.read_text().partition(BEGIN)
    _, ends, after = rest.partition(END)
    if not begins or not ends:
        message = f"{page} has no place for the table: it is between {BEGIN.strip()} and {END}"
        raise click.BadParameter(message)
    return before, after
