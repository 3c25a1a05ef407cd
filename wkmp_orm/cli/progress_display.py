"""Shows the progress of an import: a live view on a terminal, a line now and then in a pipe."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.control import Control
from rich.live import Live
from rich.segment import ControlType
from rich.text import Text

from wkmp_orm.cli.live_view import away, live_view, remaining_s, speed, together
from wkmp_orm.cli.terminal import err
from wkmp_orm.cli.words import clock, number_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import RenderableType

    from wkmp_orm.orchestrator import ImportProgress

LINE_EVERY_S: Final = 5.0


@contextmanager
def progress_display() -> Iterator[Callable[[ImportProgress], None]]:
    """Yield a function that shows progress on stderr until the block ends."""
    if not err.is_terminal:
        yield PlainLines()
        return
    # The progress reports refresh it ten times a second, so it needs no thread of its own.
    with Live(console=err, auto_refresh=False, transient=True) as live:
        shown = _Shown()

        def show(progress: ImportProgress) -> None:
            view = live_view(
                progress,
                now=time.monotonic(),
                height=err.height,
                width=err.width,
                ascii_only=err.options.ascii_only,
            )
            shown.follow_a_resize()
            shown.remember(view)
            live.update(view, refresh=True)

        try:
            yield show
        finally:
            shown.follow_a_resize()


class _Shown:
    """What the terminal shows, and how wide it was when that was written.

    A terminal that becomes narrower wraps its lines, so it then shows more lines than were written.
    If the cursor moved up only by the written lines, the first ones would remain.
    """

    def __init__(self) -> None:
        self._view: RenderableType = Text()
        self._size = err.size

    def remember(self, view: RenderableType) -> None:
        self._view, self._size = view, err.size

    def follow_a_resize(self) -> None:
        """Erase the surplus lines at the end."""
        width = err.width
        if width >= self._size.width:
            return
        written = err.options.update_dimensions(self._size.width, self._size.height)
        written.height = None  # otherwise rich fills the lines up to this height
        lines = err.render_lines(self._view, written, pad=False)[: self._size.height]
        lengths = (sum(segment.cell_length for segment in line) for line in lines)
        more = sum(max(-(-length // width), 1) - 1 for length in lengths)
        up = ((ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1))
        err.control(Control(*up * more))
        self._size = err.size


class PlainLines:
    """Writes a line when a stage begins, and one every five seconds."""

    def __init__(self) -> None:
        """Start so that the first call writes a line."""
        self._next = 0.0
        self._stage: str = ""

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
    """Return the progress as one line of text; empty if there is nothing to report."""
    counts = progress.counts
    if progress.away_s:
        return away(progress)
    match progress.stage:
        case "scanning":
            found = number_of(counts.found, "file")
            return f"scanning: {found} found" if counts.found else "scanning"
        case "processing" if counts.to_import:
            failed = f", {counts.failed:,} failed" if counts.failed else ""
            left = remaining_s(progress)
            pace = "" if left is None else f" ({speed(progress)}, {clock(left)} left)"
            if told := together(progress):
                return f"importing: {number_of(counts.done, 'file')} here{failed}; {told}"
            return (
                f"importing: {counts.done:,} of {number_of(counts.to_import, 'file')}{failed}{pace}"
            )
        case _:
            return ""
