"""Behind a pooler: sessions that are kept are as good as none, others are refused at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from tests.flush.recordings import mbid
from tests.support.poolers import KINDS, pooler_before
from wkmp_orm import Library, Song
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.errors import (
    ConfigurationError,
    ConnectionLostError,
    ImportRunningError,
    ReadOnlyDatabaseError,
)
from wkmp_orm.import_lock import import_lock

if TYPE_CHECKING:
    from tests.conftest import Database


@pytest.mark.parametrize("kind", KINDS)
def test_a_pooler_that_keeps_sessions_changes_nothing(
    postgresql_database: Database, kind: str
) -> None:
    with pooler_before(postgresql_database.url, kind, "session") as url:
        with Library.open(url, root=postgresql_database.root) as library:

            def put(number: int) -> None:
                with library.unit_of_work("songs") as work:
                    for each in range(300):
                        work.songs.put(recording_mbid=mbid(number, each))

            with ThreadPoolExecutor(4) as threads:
                list(threads.map(put, range(2, 6)))
            with library.reader() as session:
                assert session.scalar(sa.select(sa.func.count()).select_from(Song)) == 1_200
                assert session.scalar(sa.text("SHOW lock_timeout")) == "30s"
            with pytest.raises(ReadOnlyDatabaseError), library.reader() as session:
                session.execute(sa.delete(Song))
            with (
                import_lock(library.target),
                pytest.raises(ImportRunningError),
                import_lock(library.target),
            ):
                pass
        with import_lock(DatabaseTarget.parse(url)):
            pass


@pytest.mark.parametrize("kind", KINDS)
def test_a_pooler_that_mixes_up_sessions_is_refused_before_anything_is_written(
    postgresql_database: Database, kind: str
) -> None:
    flushes = sa.text("SELECT count(*) FROM flush_ledger")
    with postgresql_database.open() as library, library.reader() as session:
        before = session.scalar(flushes)
    with pooler_before(postgresql_database.url, kind, "transaction") as url:
        for read_only in (False, True):
            with pytest.raises(ConfigurationError, match=r"behind a pooler .*pool_mode = session"):
                Library.open(url, read_only=read_only)
        with (
            pytest.raises(ConfigurationError, match="behind a pooler"),
            import_lock(DatabaseTarget.parse(url)),
        ):
            pass
    with postgresql_database.open() as library, library.reader() as session:
        assert session.scalar(flushes) == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_pooler_without_a_free_connection_is_an_error_after_the_deadline(
    postgresql_database: Database, kind: str
) -> None:
    songs = sa.select(sa.func.count()).select_from(Song)
    with (
        pooler_before(postgresql_database.url, kind, "session", most=3) as url,
        Library.open(url, root=postgresql_database.root, max_lock_wait_ms=200) as library,
        library.reader() as one,
        library.reader() as two,
    ):
        assert (one.scalar(songs), two.scalar(songs)) == (0, 0)
        with library.unit_of_work("songs") as work:
            work.songs.put(recording_mbid=mbid(2, 1))
        with (
            pytest.raises(ConnectionLostError, match="a pooler may be in use"),
            library.reader() as three,
        ):
            three.scalar(songs)
    with postgresql_database.open() as library, library.reader() as session:
        assert session.scalar(songs) == 1
