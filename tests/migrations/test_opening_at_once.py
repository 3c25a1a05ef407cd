"""Programs that open one database at once do not disturb each other."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from tests.migrations.rows import count_all, insert
from tests.support.patience import PATIENCE_S
from tests.support.processes import run_in_processes
from wkmp_orm.core.engine.factory import create_writer_engine
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.core.schema import transaction
from wkmp_orm.errors import (
    LockTimeoutError,
)
from wkmp_orm.schema import (
    current_revision,
    ensure_schema,
    head_revision,
    migration_transaction,
    schema_differences,
    upgrade_schema,
)
from wkmp_orm.schema.scripts import run_migrations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.processes import Barrier


def test_a_writer_that_never_ends_is_an_error_in_the_end(
    target: DatabaseTarget, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "PATIENCE_S", 0.1)
    monkeypatch.setattr(transaction, "LOCK_TIMEOUT_MS", 50)
    with (
        migration_transaction(target, engine),
        pytest.raises(LockTimeoutError, match="in use by another program") as caught,
    ):
        upgrade_schema(target, engine)
    assert caught.value.waited_ms >= 100
    assert current_revision(engine) is None
    ensure_schema(target, engine)


def test_who_waits_for_another_migration_finds_its_work_done(
    target: DatabaseTarget, engine: sa.Engine
) -> None:
    has_looked = threading.Event()

    @contextmanager
    def turn() -> Iterator[None]:
        has_looked.set()
        yield

    waiting = threading.Thread(target=ensure_schema, args=(target, engine), kwargs={"hold": turn})
    with migration_transaction(target, engine) as connection:
        waiting.start()
        assert has_looked.wait(PATIENCE_S)
        run_migrations(connection)
    waiting.join(PATIENCE_S)
    assert schema_differences(engine) == []


def open_new_database(barrier: Barrier, url: str, setting: str) -> str | None:
    """Be one of several processes that open the same new database."""
    target = DatabaseTarget.parse(url)
    engine = create_writer_engine(target)
    barrier.wait()
    try:
        ensure_schema(target, engine)
        with engine.begin() as connection:
            insert(connection, "settings", {"key": setting, "value": "set"})
        return current_revision(engine)
    finally:
        engine.dispose()


def test_four_processes_that_open_a_new_database_at_once_all_succeed(
    target: DatabaseTarget, engine: sa.Engine
) -> None:
    url = target.url.render_as_string(hide_password=False)
    revisions = run_in_processes(open_new_database, [(url, setting) for setting in "abcd"])
    assert revisions == [head_revision()] * 4
    assert schema_differences(engine) == []
    with engine.connect() as connection:
        assert count_all(connection)["settings"] == 4
    if target.path is not None:  # who came second found nothing to upgrade, so nothing to save
        assert [*target.path.parent.glob("*.bak*")] == []


def test_threads_that_create_different_databases_at_once_do_not_mix_them_up(
    sqlite_target: DatabaseTarget,
) -> None:
    assert sqlite_target.path is not None
    made = [DatabaseTarget.parse(sqlite_target.path.with_name(f"{n}.db")) for n in range(4)]
    engines = [create_writer_engine(target) for target in made]
    threads = [
        threading.Thread(target=ensure_schema, args=pair)
        for pair in zip(made, engines, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for engine in engines:
        assert schema_differences(engine) == []
        engine.dispose()
