"""How far an import is: a live bar on a terminal, a line now and then in a pipe.

Knows consoles and the numbers of an import; must not know where they come from.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from wkmp_orm.cli.terminal import err, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import RenderableType

    from wkmp_orm.orchestrator import Counts, ImportProgress

LINE_EVERY_S: Final = 5.0
MOST_FILES_SHOWN: Final = 4


@contextmanager
def progress_display() -> Iterator[Callable[[ImportProgress], None]]:
    """Give a function that shows progress on stderr until the block ends."""
    if not err.is_terminal:
        yield PlainLines()
        return
    # It is refreshed by whoever reports progress, ten times a second: no thread of its own.
    with Live(console=err, auto_refresh=False, transient=True) as live:
        yield lambda progress: live.update(live_view(progress), refresh=True)


class PlainLines:
    """A line when something begins, and one every five seconds."""

    def __init__(self) -> None:
        """Begin with a line."""
        self._next = 0.0
        self._stage = ""

    def __call__(self, progress: ImportProgress) -> None:
        """Write a line if it is time for one."""
        now = time.monotonic()
        if progress.stage == self._stage and now < self._next:
            return
        self._stage = progress.stage
        self._next = now + LINE_EVERY_S
        line = one_line(progress)
        if line:
            err.print(line)


def one_line(progress: ImportProgress) -> str:
    """Return the progress in one line of text, empty when there is nothing left to say."""
    counts = progress.counts
    match progress.stage:
        case "scanning":
            return f"scanning: {counts.found:,} files found" if counts.found else "scanning"
        case "processing" if counts.to_import:
            failed = f", {counts.failed:,} failed" if counts.failed else ""
            return f"importing: {counts.done:,} of {counts.to_import:,} files{failed}"
        case _:
            return ""


def live_view(progress: ImportProgress) -> RenderableType:
    """Return the progress as it stands on a terminal."""
    counts = progress.counts
    if progress.stage != "processing":
        found = Text.assemble("Scanning  ", (f"{counts.found:,}", "bold"), " files found")
        return Spinner("dots" if not err.options.ascii_only else "line", text=found)
    bar = Table.grid(padding=(0, 2))
    bar.add_row(
        "Importing",
        ProgressBar(total=max(counts.to_import, 1), completed=counts.done, width=30),
        Text.assemble((f"{counts.done:,}", "bold"), f" of {counts.to_import:,} files"),
        Text(_remaining(counts, progress.seconds), style="cyan"),
        Text(f"{counts.failed:,} failed" if counts.failed else "", style="red"),
    )
    active = [
        Text(
            f"  {each.phase.replace('_', ' '):<20} {printable(each.path)}",
            style="dim",
            no_wrap=True,
            overflow="ellipsis",
        )
        for each in progress.active[:MOST_FILES_SHOWN]
    ]
    return Group(bar, *active)


def _remaining(counts: Counts, seconds: float) -> str:
    if counts.done == 0 or seconds <= 0:
        return ""
    left = round((counts.to_import - counts.done) * seconds / counts.done)
    hours, minutes = divmod(left // 60, 60)
    clock = f"{hours}:{minutes:02}:{left % 60:02}" if hours else f"{minutes}:{left % 60:02}"
    return f"{counts.done / seconds:,.0f}/s, {clock} left"
