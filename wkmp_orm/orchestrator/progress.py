"""Shows and stores the progress of an import, in its own thread.

It is throttled, only the latest progress counts, and no error here harms the import, except that
`show` may stop it with SystemExit or KeyboardInterrupt.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final, Self

from wkmp_orm.phases import is_running, record_progress

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from wkmp_orm.library import Library
    from wkmp_orm.orchestrator.counts import ImportProgress
    from wkmp_orm.orchestrator.membership import Membership
    from wkmp_orm.orchestrator.statistics import Statistics

logger = logging.getLogger("wkmp_orm.orchestrator")

SHOWN_EVERY_S: Final = 0.1
STORED_EVERY_S: Final = 2.0
"""One row every two seconds, which is one write in a thousand at 100 files a second."""


class ProgressReporter:
    """Reports progress during a `with` block, and once more at its end."""

    def __init__(
        self,
        library: Library,
        session_id: str,
        statistics: Statistics,
        stop: threading.Event,
        show: Callable[[ImportProgress], object] | None,
        *,
        membership: Membership | None = None,
    ) -> None:
        """Prepare; `stop` is set if another process cancels the session in the database.

        If several importers share the import, only the leader (see `membership`) stores their
        common progress. `stop` is also set if `show` raises SystemExit or KeyboardInterrupt. Any
        other exception of `show` is logged once.
        """
        self._library = library
        self._session_id = session_id
        self._statistics = statistics
        self._stop = stop
        self._show = show
        self._membership = membership
        self._ended = threading.Event()
        self._demand_to_end: BaseException | None = None
        self._thread = threading.Thread(
            target=library.tracing.bound(self._run), name="import-progress"
        )
        self._stored = (0, 0)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._show_now()

    def _run(self) -> None:
        store_next = time.monotonic() + STORED_EVERY_S
        while not self._ended.wait(SHOWN_EVERY_S):
            self._show_now()
            # While the server is away the display must go on, and storing would block it.
            if time.monotonic() >= store_next and not self._statistics.progress().away_s:
                self._store_now()
                store_next = time.monotonic() + STORED_EVERY_S

    def _show_now(self) -> None:
        if self._show is None:
            return
        try:
            self._show(self._statistics.progress())
        except Exception:
            logger.exception("progress cannot be shown and is not shown any more")
            self._show = None
        # SystemExit, or Ctrl-C during the last call, which `__exit__` makes in the import's thread.
        except BaseException as demand:  # noqa: BLE001  raised by `pass_on`
            self._show = None
            self._demand_to_end = demand
            self._stop.set()

    def pass_on(self) -> None:
        """Raise the SystemExit or KeyboardInterrupt that `show` has raised, if any.

        It has already stopped the import in order. Call this after the session's end is written.
        """
        if self._demand_to_end is not None:
            raise self._demand_to_end

    def _store_now(self) -> None:
        progress = self._statistics.progress()
        now = (progress.counts.done, progress.counts.to_import)
        if self._membership is not None:
            if not self._membership.leads:
                return
            before, together = self._membership.done_before, progress.together
            now = (max(now[0], together.done if together else 0), before + now[1])
        try:
            if now == self._stored:  # a long file; still check whether it was cancelled
                running = is_running(self._library, self._session_id)
            else:
                running = record_progress(
                    self._library, self._session_id, current=now[0], total=now[1]
                )
        except Exception as error:  # noqa: BLE001  telemetry must not fail the import
            logger.info("progress was not stored: %s", error)
            return
        self._stored = now
        if not running:
            logger.warning("the import session was cancelled in the database: stopping")
            self._stop.set()
