"""Whatever call of the database fails, and however: the phase is whole or absent."""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.flush.stage import Stage
from tests.support.driver_errors import (
    connection_lost,
    database_locked,
    disk_error,
    disk_full,
    lock_not_available,
    serialization_failure,
    server_error,
)
from wkmp_orm import FlushError
from wkmp_orm.core.flush.postgresql_senders import CopySender
from wkmp_orm.errors import DatabaseUnavailableError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database
    from tests.support.faults import Call, ErrorFactory, When
    from wkmp_orm.core.engine.options import Bulk

RETRYABLE: dict[str, dict[str, ErrorFactory]] = {
    "sqlite": {"BUSY": database_locked},
    "postgresql": {
        "40001": serialization_failure,
        "55P03": lock_not_available,
        "lost": connection_lost,
    },
}
RETRYABLE["copying"] = RETRYABLE["postgresql"]
FINAL: dict[str, dict[str, ErrorFactory]] = {
    "sqlite": {"FULL": disk_full, "IOERR": disk_error},
    "postgresql": {"53100": server_error("53100")},
}
FINAL["copying"] = FINAL["postgresql"]
for kind in ("sqlite", "postgresql"):
    RETRYABLE[f"{kind}-session"] = RETRYABLE[kind]
    FINAL[f"{kind}-session"] = FINAL[kind]
COPYING = partial(CopySender, copy_from=1, stage_from=1)
"""As PostgreSQL is given many rows, for the few of these tests."""

OPENED: dict[str, tuple[str, Bulk]] = {
    "sqlite": ("sqlite", "driver"),
    "sqlite-session": ("sqlite", "session"),
    "postgresql": ("postgresql", "driver"),
    "postgresql-session": ("postgresql", "session"),
    "copying": ("postgresql", "driver"),
}
"""The database and the sender of each stage."""

ALIKE = ("40001", "55P03", "IOERR")
"""Errors after which the same is done as after another one of their stage."""

WHEN: tuple[When, When] = ("before", "after")


def cases(errors: dict[str, dict[str, ErrorFactory]]) -> list[Any]:
    """Give every error of each stage; of those that are treated alike, one runs by default."""
    return [
        pytest.param(
            *(dialect, name, when),
            id=f"{dialect}-{name}-{when}",
            marks=[pytest.mark.slow] if name in ALIKE else [],
        )
        for dialect in errors
        for name, when in itertools.product(errors[dialect], WHEN)
    ]


@pytest.fixture
def stage(dialect: str, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Open a fresh database of the kind that has the error, which may meet it in a connect."""
    kind, bulk = OPENED[dialect]
    database: Database = request.getfixturevalue(f"{kind}_database")
    sqlstate = "name" in request.fixturenames and request.getfixturevalue("name")[0].isdigit()
    with database.open(bulk=bulk) as library, database.open() as audience:
        if dialect == "copying":
            library._flusher._new_sender = COPYING
        yield Stage(library, audience, connected=sqlstate)


def failures(stage: Stage, name: str, when: When) -> Iterator[Call]:
    """Give every call that can fail in this way; the stage is set for each."""
    for call in stage.calls:
        # A COMMIT that took effect is never answered with an error but a lost connection.
        if call.kind == "commit" and when == "after" and name not in ("lost", "BUSY"):
            continue
        stage.set_back()
        yield call


@pytest.mark.parametrize("dialect", list(OPENED))
def test_the_representative_phase_makes_every_kind_of_call(stage: Stage, dialect: str) -> None:
    said = [call.statement.split("(")[0].strip() for call in stage.calls]
    verbs = {text.split()[0] for text in said if text}
    assert verbs >= {"SELECT", "INSERT", "UPDATE", "DELETE"}
    assert ({"COPY", "CREATE"} <= verbs) is (dialect == "copying")
    assert {call.kind for call in stage.calls} >= {"execute", "executemany", "commit"}
    assert stage.calls[-1].kind == "commit"
    assert stage.whole != stage.absent
    titles = {row["title"] for row in stage.whole["passages"]}
    assert titles == {"Sinnerman!", "Feeling Good!"}


@pytest.mark.parametrize(("dialect", "name", "when"), cases(RETRYABLE))
def test_a_retryable_failure_at_any_call_ends_with_the_phase_whole(
    stage: Stage, dialect: str, name: str, when: When
) -> None:
    for call in failures(stage, name, when):
        work, handles = stage.accumulated()
        with stage.injector.failing(call.number, when, RETRYABLE[dialect][name]) as fault:
            report = work.commit()
        assert fault.fired, call
        assert report.outcome == "committed", call
        stage.assert_whole(handles, call)


@pytest.mark.parametrize(("dialect", "name", "when"), cases(FINAL))
def test_a_final_failure_at_any_call_leaves_nothing_and_the_next_commit_is_whole(
    stage: Stage, dialect: str, name: str, when: When
) -> None:
    for call in failures(stage, name, when):
        work, handles = stage.accumulated()
        with (
            stage.injector.failing(call.number, when, FINAL[dialect][name]) as fault,
            pytest.raises(StorageError, match="nothing was written"),
        ):
            work.commit()
        assert fault.fired, call
        stage.assert_absent(call)
        work.commit()
        stage.assert_whole(handles, call)


@pytest.mark.parametrize(
    ("dialect", "name"),
    [("sqlite", "BUSY"), ("sqlite-session", "BUSY"), ("postgresql", "lost"), ("copying", "lost")],
)
def test_failures_that_outlast_the_deadline_leave_nothing_and_the_next_commit_is_whole(
    stage: Stage, dialect: str, name: str
) -> None:
    stage.library.options.max_lock_wait_ms = 20
    for call in failures(stage, name, "before"):
        work, handles = stage.accumulated()
        error = RETRYABLE[dialect][name]
        with (
            stage.injector.failing(call.number, "before", error, times=10_000) as fault,
            pytest.raises((FlushError, DatabaseUnavailableError)),
        ):
            work.commit()
        assert fault.fired, call
        stage.assert_absent(call)
        work.commit()
        stage.assert_whole(handles, call)
