"""Shows a progress bar for the copy of a database, on a terminal only."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from wkmp_orm.cli.terminal import err

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wkmp_orm.core.backup.sqlite_copy import OnProgress


@contextmanager
def shown(done: str) -> Iterator[OnProgress]:
    """Yield a callback for the copy's pages; the bar disappears when the block ends."""
    columns = (TextColumn(done), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(done, total=None)

        def on_progress(pages: int, of: int) -> None:
            bar.update(task, completed=pages, total=of)

        yield on_progress
