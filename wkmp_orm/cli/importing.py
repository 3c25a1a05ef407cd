"""Runs an import for a command: progress on stderr, stop by signals, exit code."""

from __future__ import annotations

import threading
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Final

from wkmp_orm.cli.progress_display import progress_display
from wkmp_orm.cli.stopping import LEFT_AT_ONCE, stopping
from wkmp_orm.cli.terminal import err, printable
from wkmp_orm.errors import FlushError
from wkmp_orm.phases import notes_told_before

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from wkmp_orm.core.remedies import Note
    from wkmp_orm.library import Library
    from wkmp_orm.orchestrator import ImportProgress, ImportSummary

FAILED_FILES: Final = 1


def imported(
    library: Library,
    folder: Path | None,
    workers: int | None,
    *,
    quiet: bool,
    accept_missing: bool = False,
    take_over: bool = False,
) -> tuple[ImportSummary, tuple[Note, ...]]:
    """Import a folder, by default the library's root, and show progress unless `quiet`.

    Also returns the notes that no earlier import of this library has printed.
    """
    # Not at the top, because the audio extra may be missing and other commands do not need it.
    from wkmp_orm.orchestrator import import_folder  # noqa: PLC0415

    stop = threading.Event()
    with stopping(stop), nullcontext() if quiet else _shown() as on_progress:
        try:
            summary = import_folder(
                library,
                folder,
                workers=workers,
                on_progress=on_progress,
                stop=stop,
                accept_missing=accept_missing,
                take_over=take_over,
            )
        except FlushError as error:
            error.add_note(
                "Everything imported so far is whole; the same command continues from there."
            )
            raise
    with library.reader() as session:
        told = notes_told_before(session, summary.session_id)
    return summary, tuple(note for note in summary.notes if note.what not in told)


@contextmanager
def _shown() -> Iterator[Callable[[ImportProgress], None]]:
    """Yield a function that shows progress, and prints once if a running import was joined."""
    told = False

    def show(progress: ImportProgress) -> None:
        nonlocal told
        if progress.joined and not told:
            told = True
            err.print(f"Joined the import that {printable(progress.joined)} leads.")
        display(progress)

    with progress_display() as display:
        yield show


def exit_code(summary: ImportSummary) -> int:
    """Return the exit code of the command."""
    if summary.was_cancelled:
        return LEFT_AT_ONCE
    failed = summary.failures or (summary.together is not None and summary.together.failed)
    return FAILED_FILES if failed else 0
