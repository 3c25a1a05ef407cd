"""An importer's membership in a shared import: its locks, its heartbeat and its role."""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from wkmp_orm.core.engine.lock_file import HOST
from wkmp_orm.core.engine.session_lock import holder_of
from wkmp_orm.core.types import new_guid
from wkmp_orm.import_lock import IMPORTERS, NAME
from wkmp_orm.models import MemberRole, SessionState
from wkmp_orm.models.import_session import FINAL_STATES
from wkmp_orm.phases import members

if TYPE_CHECKING:
    from collections.abc import Callable

    from wkmp_orm.core.engine.session_lock import SessionLocks
    from wkmp_orm.orchestrator.statistics import Statistics
    from wkmp_orm.phases.members import SharedProgress

logger = logging.getLogger("wkmp_orm.orchestrator")

BEATS_EVERY_S: Final = 2.0
BEATS_IN_A_LEASE: Final = 6
TOLD_EVERY_S: Final = 60.0


class Membership:
    """This importer's membership in a session. Any thread may call it.

    Its own thread sends the heartbeats over the connection of the locks, so that neither decoding
    nor a busy connection pool delays them. After a restart of the server it takes its locks again;
    if another process has them, it sets `stop`.
    """

    def __init__(
        self,
        locks: SessionLocks,
        session_id: str,
        statistics: Statistics,
        stop: threading.Event,
        *,
        leads: bool,
        workers: int,
    ) -> None:
        """Join a session while holding its locks; `close` leaves it. Raises SQLAlchemy's errors."""
        self.me = new_guid()
        self.session_id = session_id
        self.leads = leads
        self.done_before = 0
        """How many files others had done before this importer became the leader."""
        self.is_over = False
        """Whether the whole import has ended."""
        self._locks = locks
        self._statistics = statistics
        self._stop = stop
        self._workers = workers
        self._lease_s = members.LEASE_S
        self._together: SharedProgress | None = None
        self._ended = threading.Event()
        self._tell_next = 0.0
        locks.run(self._enrol)
        locks.run(self._look)
        if not leads:
            together = self.together
            statistics.joins("" if together is None else together.leader)
        self._heart = threading.Thread(target=self._beat_on, name="import-heartbeat", daemon=True)
        self._heart.start()

    @property
    def together(self) -> SharedProgress | None:
        """What all importers of the session have done, as of the last heartbeat."""
        return self._together

    def try_to_lead(self) -> bool:
        """Become the leader; return False if there is one or the import has ended."""
        if not self._locks.try_lock(NAME):
            self._tell_who_is_awaited()
            return False
        self._locks.run(self._look)
        if self.is_over or self._stop.is_set():
            self._locks.unlock(NAME)
            return False
        together = self._together
        others = 0 if together is None else together.done
        self.done_before = others - self._statistics.progress().counts.done
        self._locks.run(
            lambda connection: members.become_leader(connection, self.me, self.session_id)
        )
        self.leads = True
        logger.warning("nobody leads the import any more: this process does from now on")
        return True

    def _tell_who_is_awaited(self) -> None:
        if time.monotonic() >= self._tell_next:
            self._tell_next = time.monotonic() + TOLD_EVERY_S
            holder = self._locks.run(lambda connection: holder_of(connection, NAME))
            logger.warning(
                "all files are imported, but the process that leads the import does not answer"
                " (%s): it is waited for; kill it, and this one goes on in its place",
                holder or "unknown",
            )

    def is_alone(self) -> bool:
        """Return whether no other process takes part in an import on this database."""
        alone = False

        def look(_: sa.Connection) -> None:
            nonlocal alone
            alone = self._locks.try_lock(IMPORTERS)
            self._locks.unlock(IMPORTERS)

        self._run_reconnecting(look)
        return alone

    def look_now(self) -> SharedProgress | None:
        """Report this importer's counts, and return what all have done together."""
        self._run_reconnecting(self._beat)
        return self._together

    def tell(self) -> None:
        """Report this importer's counts now instead of at the next heartbeat."""
        try:
            self._run_reconnecting(self._beat)
        except sa.exc.SQLAlchemyError as error:
            logger.info("the heartbeat of the import failed: %s", error)

    def close(self) -> None:
        """Leave the session. The locks remain held."""
        self._ended.set()
        self._heart.join()
        try:
            self._run_reconnecting(
                lambda connection: members.leave(connection, self.me, self._done())
            )
        except sa.exc.SQLAlchemyError as error:
            logger.warning("the import could not be left: others wait for its lease: %s", error)

    def _enrol(self, connection: sa.Connection) -> None:
        members.enrol(
            connection,
            self.me,
            session_id=self.session_id,
            host=HOST,
            process_id=os.getpid(),
            role=MemberRole.LEADER if self.leads else MemberRole.HELPER,
            workers=self._workers,
            lease_s=self._lease_s,
        )

    def _beat_on(self) -> None:
        while not self._ended.wait(min(BEATS_EVERY_S, self._lease_s / BEATS_IN_A_LEASE)):
            self.tell()  # if the server is away, the workers report it and wait

    def _run_reconnecting(self, do: Callable[[sa.Connection], object]) -> None:
        """Call `do` with the connection; if it was lost, reconnect and take the same locks."""
        try:
            self._locks.run(do)
        except sa.exc.SQLAlchemyError:
            self._locks.connect_again()
            self._locks.run(do)
        if not self._locks.take_again() and (other := self._locks.successor()):
            self._end(f"this import lost its connection, and {other} has taken its place")

    def _beat(self, connection: sa.Connection) -> None:
        if not members.beat(connection, self.me, self._done()):
            self._end("the import session was deleted from the database")
            return
        self._look(connection)

    def _look(self, connection: sa.Connection) -> None:
        together = members.progress_together(connection, self.session_id)
        if together is None:
            self._end("the import session was deleted from the database")
            return
        self._together = together
        self._statistics.went_together(together)
        self.is_over = together.state in FINAL_STATES
        if together.state is SessionState.CANCELLED and not self._ended.is_set():
            self._end("the import session was cancelled in the database")

    def _end(self, why: str) -> None:
        self.is_over = True
        if not self._stop.is_set():
            logger.warning("%s: stopping", why)
            self._stop.set()

    def _done(self) -> dict[str, int]:
        counts = self._statistics.progress().counts
        return {name: getattr(counts, name) for name in members.COUNTED}
