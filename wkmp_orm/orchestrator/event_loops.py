"""The import for programs with an event loop: runs it in a thread beside the loop."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Unpack

from wkmp_orm.orchestrator.run import import_folder

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from wkmp_orm.library import Library
    from wkmp_orm.orchestrator.counts import ImportProgress
    from wkmp_orm.orchestrator.options import ImportOptions
    from wkmp_orm.orchestrator.summary import ImportSummary

logger = logging.getLogger("wkmp_orm.orchestrator")


async def import_folder_async(
    library: Library,
    folder: str | os.PathLike[str] | None = None,
    **options: Unpack[ImportOptions],
) -> ImportSummary:
    """Import a folder as `import_folder` does, without blocking the event loop.

    `on_progress` is called in the event loop; if the loop is late, it gets only the latest
    progress. Cancelling the task stops the import in order, waits for its end and then raises
    CancelledError. What was committed stays complete, and the next import continues from there.
    Raises what `import_folder` raises.
    """
    stop = options.get("stop") or threading.Event()
    on_progress = options.get("on_progress")
    options["stop"] = stop
    options["on_progress"] = None if on_progress is None else _LatestInLoop(on_progress)
    # Not asyncio's default executor: an import would occupy one of its threads for hours.
    executor = ThreadPoolExecutor(1, "import")
    try:
        # In this task's context, so that a trace shows the import as a child of the task's span.
        run = partial(import_folder, library, folder, **options)
        future = asyncio.get_running_loop().run_in_executor(
            executor, partial(copy_context().run, run)
        )
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            stop.set()
            await _ended(future)
            raise
    finally:
        executor.shutdown(wait=False)


class _LatestInLoop:
    """Passes progress to the event loop in which it was created, at most one at a time."""

    def __init__(self, show: Callable[[ImportProgress], object]) -> None:
        self._show = show
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._latest: ImportProgress | None = None
        self._is_broken = False

    def __call__(self, progress: ImportProgress) -> None:
        with self._lock:
            is_scheduled = self._latest is not None
            self._latest = progress
        if not is_scheduled:
            self._loop.call_soon_threadsafe(self._show_latest)

    def _show_latest(self) -> None:
        with self._lock:
            progress, self._latest = self._latest, None
        if progress is None or self._is_broken:
            return
        try:
            self._show(progress)
        except Exception:
            logger.exception("progress cannot be shown and is not shown any more")
            self._is_broken = True


async def _ended(future: asyncio.Future[ImportSummary]) -> None:
    """Wait for the import's end, even if the task is cancelled again meanwhile."""
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            continue
    # The caller raises the cancellation; an error of the import itself is in its session's row.
    future.exception()
