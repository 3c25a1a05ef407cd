"""A COMMIT whose answer was lost is settled through the ledger, however it ended."""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
import sqlalchemy as sa

from tests.flush.recordings import mbid
from tests.flush.stage import Stage
from tests.support.driver_errors import connection_lost, serialization_failure
from tests.support.patience import PATIENCE_S
from wkmp_orm.core.engine.outage import ServerWait, waiting_for_server
from wkmp_orm.errors import AlreadyFinishedError, ConnectionLostError, FlushFailedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database
    from tests.support.faults import Call, When
    from wkmp_orm import Library

WHEN: tuple[When, When] = ("before", "after")


@pytest.fixture
def stage(postgresql_database: Database) -> Iterator[Stage]:
    """Open a database of the only kind that can lose an answer, with little patience."""
    with postgresql_database.open() as library:
        library.settings.save({"ai_database_max_lock_wait_ms": 500})
    with postgresql_database.open() as library, postgresql_database.open() as audience:
        stage = Stage(library, audience)
        stage.set_back()
        yield stage


def commit_of(stage: Stage) -> Call:
    (commit,) = [call for call in stage.calls if call.kind == "commit"]
    return commit


class InDoubt:
    """Takes the connection away in front of its COMMIT, while the server keeps the transaction.

    So it is when a network drops packets: nobody on this side can tell how it will end. `end` says.
    """

    def __init__(self, library: Library) -> None:
        self._url = library.target.url.set(drivername="postgresql")
        self._wire: socket.socket | None = None

    def __call__(self, call: Call) -> BaseException:
        """Be the error of the COMMIT."""
        number = call.connection.fileno()
        self._wire = socket.socket(fileno=os.dup(number))
        dead, other = socket.socketpair()
        other.close()
        os.dup2(dead.fileno(), number)
        dead.close()
        try:
            call.connection.execute("SELECT 1")
        except psycopg.OperationalError as error:
            return error
        raise AssertionError

    def end(self, statement: str) -> None:
        """Have the server carry out COMMIT or ROLLBACK after all."""
        assert self._wire is not None
        with closing(self._wire) as wire:
            wire.setblocking(True)
            wire.settimeout(PATIENCE_S)
            text = statement.encode() + b"\0"
            wire.sendall(b"Q" + struct.pack("!i", len(text) + 4) + text)
            assert statement.encode() in wire.recv(1024)

    def end_when_awaited(self, statement: str) -> None:
        """End it when another transaction has come to wait for it."""
        end = time.monotonic() + PATIENCE_S
        waiting = (
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database() AND query LIKE '%flush_ledger%'"
        )
        with closing(psycopg.connect(self._url.render_as_string(hide_password=False))) as look:
            look.autocommit = True
            while look.execute(waiting).fetchone() is None:
                assert time.monotonic() < end
                time.sleep(0.001)
        self.end(statement)


@pytest.mark.parametrize(("statement", "attempts"), [("COMMIT", 1), ("ROLLBACK", 2)])
def test_a_transaction_in_doubt_is_waited_for_and_repeated_only_if_it_failed(
    stage: Stage, statement: str, attempts: int
) -> None:
    stage.library.options.max_lock_wait_ms = 30_000  # it is waited for, however busy all is
    in_doubt = InDoubt(stage.library)
    work, handles = stage.accumulated()
    with stage.injector.failing(commit_of(stage).number, "before", in_doubt) as fault:
        ending = threading.Thread(target=in_doubt.end_when_awaited, args=[statement])
        ending.start()
        report = work.commit()
        ending.join()
    assert fault.fired
    assert (report.outcome, report.attempts) == ("committed", attempts)
    assert report.rows["passages"].inserted == 1
    stage.assert_whole(handles, commit_of(stage))


@pytest.mark.parametrize("statement", ["COMMIT", "ROLLBACK"])
def test_who_waits_for_a_server_waits_for_its_own_lost_transaction_as_well(
    stage: Stage, statement: str
) -> None:
    in_doubt = InDoubt(stage.library)
    work, handles = stage.accumulated()
    with (
        stage.injector.failing(commit_of(stage).number, "before", in_doubt),
        waiting_for_server(ServerWait(threading.Event())),
    ):
        long_after_the_deadline = threading.Timer(1.5, in_doubt.end, [statement])
        long_after_the_deadline.start()
        report = work.commit()
        long_after_the_deadline.join()
    assert report.outcome == "committed"
    stage.assert_whole(handles, commit_of(stage))


@pytest.mark.smoke
def test_a_commit_that_took_effect_is_not_repeated(stage: Stage) -> None:
    commit = commit_of(stage)
    work, handles = stage.accumulated()
    with stage.injector.failing(commit.number, "after", connection_lost) as fault:
        report = work.commit()
    assert fault.fired
    assert (report.outcome, report.attempts) == ("committed", 1)
    stage.assert_whole(handles, commit)


@pytest.mark.parametrize("when", WHEN)
def test_a_server_that_cannot_be_asked_is_asked_by_the_next_commit(
    stage: Stage, when: When
) -> None:
    commit = commit_of(stage)
    work, handles = stage.accumulated()
    with (
        stage.injector.failing(commit.number, when, connection_lost, times=10_000),
        pytest.raises(ConnectionLostError, match="Committing again will find out") as lost,
    ):
        work.commit()
    assert lost.value.in_doubt
    work.commit()
    stage.assert_whole(handles, commit)


@pytest.mark.parametrize("statement", ["COMMIT", "ROLLBACK"])
def test_a_transaction_that_stays_in_doubt_is_settled_by_the_next_commit(
    stage: Stage, statement: str
) -> None:
    in_doubt = InDoubt(stage.library)
    work, handles = stage.accumulated()
    with (
        stage.injector.failing(commit_of(stage).number, "before", in_doubt),
        pytest.raises(ConnectionLostError, match="Committing again will find out"),
    ):
        work.commit()
    with pytest.raises(AlreadyFinishedError, match=r"may have taken effect, so .* commit again"):
        work.songs.put(recording_mbid=mbid(2, 5))
    with pytest.raises(AlreadyFinishedError):
        handles[0].set(year=1966)
    in_doubt.end(statement)
    work.commit()
    stage.assert_whole(handles, commit_of(stage))


def test_a_commit_that_the_server_refused_is_repeated(stage: Stage) -> None:
    commit = commit_of(stage)
    work, handles = stage.accumulated()
    with stage.injector.failing(commit.number, "before", serialization_failure):
        report = work.commit()
    assert (report.outcome, report.attempts) == ("committed", 2)
    stage.assert_whole(handles, commit)


def entries(stage: Stage) -> list[str]:
    with stage.audience.reader() as session:
        return list(session.scalars(sa.text("SELECT flush_id::text FROM flush_ledger")))


def test_the_ledger_is_dated_and_pruned_by_the_servers_clock(
    stage: Stage, postgresql_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stage.library.begin_monitored("ages") as session:
        session.execute(sa.text("DELETE FROM flush_ledger"))
        for age in ("23 hours", "25 hours"):
            session.execute(
                sa.text(
                    "INSERT INTO flush_ledger (flush_id, committed_at)"
                    f" VALUES (gen_random_uuid(), now() - interval '{age}')"
                )
            )

    def ahead() -> datetime:
        return datetime.now(UTC) + timedelta(days=2)

    for module in [name for name in sys.modules if name.startswith("wkmp_orm")]:
        if hasattr(sys.modules[module], "utc_now"):
            monkeypatch.setattr(f"{module}.utc_now", ahead)
    work, _ = stage.accumulated()
    work.commit()
    with postgresql_database.open():
        pass  # a machine whose clock is two days ahead has opened it, and pruned

    asked = "SELECT count(*) FROM flush_ledger WHERE committed_at <= now()"
    with stage.audience.reader() as session:
        assert session.scalar(sa.text(asked)) == len(entries(stage)) == 2


def test_a_commit_that_was_in_doubt_for_too_long_is_not_repeated_but_asked_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, _ = stage.accumulated()
    with (
        stage.injector.failing(commit_of(stage).number, "before", connection_lost, times=10_000),
        pytest.raises(ConnectionLostError, match="Committing again will find out"),
    ):
        work.commit()
    monkeypatch.setattr("wkmp_orm.core.flush.attempt.LEDGER_LIFETIME", timedelta(0))
    for _ in range(2):
        with pytest.raises(FlushFailedError, match="nobody can tell any more whether it took eff"):
            work.commit()
    work.discard()
    assert entries(stage) == []


def age_entries(library: Library, number: int) -> None:
    with library.begin_monitored("ages") as session:
        session.execute(
            sa.text(
                "INSERT INTO flush_ledger (flush_id, committed_at)"
                " SELECT gen_random_uuid(), now() - interval '25 hours'"
                f" FROM generate_series(1, {number})"
            )
        )


def old_entries_after_a_commit(library: Library, number: int) -> int:
    with library.unit_of_work("songs") as work:
        work.songs.put(recording_mbid=mbid(2, number))
    old = "SELECT count(*) FROM flush_ledger WHERE committed_at < now() - interval '1 day'"
    with library.reader() as session:
        return session.scalar(sa.text(old)) or 0


def test_old_entries_are_deleted_in_batches_while_the_database_is_in_use(
    postgresql_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgresql_database.open() as library:
        age_entries(library, 7)
        assert old_entries_after_a_commit(library, 1) == 7, "an hour has not passed"

    monkeypatch.setattr("wkmp_orm.core.flush.ledger.PRUNED_AT_ONCE", 3)
    monkeypatch.setattr("wkmp_orm.core.flush.ledger.PRUNED_AGAIN_AFTER_S", 0.0)
    with postgresql_database.open() as library:  # which deletes the first three
        assert [old_entries_after_a_commit(library, number) for number in (2, 3)] == [1, 0]
        age_entries(library, 1)
        assert old_entries_after_a_commit(library, 4) == 1, "there was no more, so in an hour"


def test_a_ledger_that_cannot_be_pruned_harms_no_flush(
    postgresql_database: Database,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("wkmp_orm.core.flush.ledger.PRUNED_EVERY_S", 0.0)
    with postgresql_database.open() as library:
        age_entries(library, 1)
        with library.begin_monitored("another program") as session:
            session.execute(
                sa.text("CREATE RULE kept AS ON DELETE TO flush_ledger DO INSTEAD SELECT 1 / 0")
            )
        assert old_entries_after_a_commit(library, 1) == 1
        with library.reader() as session:
            assert session.scalar(sa.text("SELECT count(*) FROM songs")) == 1
    assert "old entries of flush_ledger were not deleted" in caplog.text
