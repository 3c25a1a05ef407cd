"""What stands in an SQLite file: the storage classes and formats that the other services read."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from wkmp_orm import File
from wkmp_orm.errors import StoredValueError
from wkmp_orm.models.tables import TABLES
from wkmp_orm.testing import ArtistFactory, FileFactory, SongFactory, put_all

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Database

STORAGE_CLASSES = {"TEXT": "text", "INTEGER": "integer", "REAL": "real", "TIMESTAMP": "text"}
"""What the strict readers of the other services want, by the declared type of the column."""


@pytest.mark.smoke
def test_every_column_of_every_table_holds_the_storage_class_that_it_declares(
    full_file: Path,
) -> None:
    with sqlite3.connect(full_file) as plain:
        for name, info in TABLES.items():
            declared = {row[1]: row[2] for row in plain.execute(f"PRAGMA table_info({name})")}
            assert declared.keys() == info.columns
            classes = ", ".join(f"typeof({column})" for column in declared)
            for row in plain.execute(f"SELECT {classes} FROM {name}"):
                found = dict(zip(declared, row, strict=True))
                assert found == {c: STORAGE_CLASSES[kind] for c, kind in declared.items()}, name
            assert plain.execute(f"SELECT count(*) FROM {name}").fetchone()[0] >= 1
    plain.close()


def test_the_stored_formats_are_those_of_the_older_services(full_file: Path) -> None:
    with sqlite3.connect(full_file) as plain:

        def stored(table: str, column: str) -> Any:
            return plain.execute(f"SELECT {column} FROM {table}").fetchone()[0]

        assert stored("import_sessions", "state") == '"COMPLETED"'
        assert stored("import_sessions", "started_at") == "2025-01-01T00:00:01.000000+00:00"
        assert stored("files", "modification_time") == "2025-01-01T00:00:01.000000+00:00"
        assert stored("passages", "import_timestamp") == "2025-01-01T00:00:01.000000+00:00"
        assert stored("import_provenance", "timestamp") == 1_735_689_601
        assert stored("files", "matching_hashes") == '["00000001-0000-7000-8000-ffffffffffff"]'
        assert stored("songs", "status") == "FLAVOR READY"
        for table in ("files", "passages", "songs", "artists", "albums", "works", "settings"):
            assert datetime.strptime(stored(table, "updated_at"), "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007
        assert datetime.strptime(stored("acoustid_cache", "cached_at"), "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007
    plain.close()


def test_a_row_with_garbage_can_be_read_without_it_changed_elsewhere_and_mended(
    sqlite_database: Database,
) -> None:
    file = FileFactory.build()
    with sqlite_database.open() as library:
        with library.unit_of_work("testing") as work:
            work.files.add(file)
        with library.begin_monitored("another program") as session:
            session.execute(sa.text("UPDATE files SET matching_hashes = '[not json'"))
        with library.reader() as session:
            with pytest.raises(StoredValueError):
                session.scalars(sa.select(File)).one()
            assert session.scalars(sa.select(File.path)).one() == file.path
        with library.unit_of_work("testing") as work:
            work.files.update(file.guid, title="Another column")
        with library.begin_monitored("testing") as session:
            session.execute(sa.update(File).values(matching_hashes=[]))
        with library.reader() as session:
            mended = session.scalars(sa.select(File)).one()
    assert (mended.title, mended.matching_hashes) == ("Another column", [])


def test_a_link_between_rows_that_were_known_keeps_its_time_as_text(
    sqlite_database: Database,
) -> None:
    # Its INSERT has a SELECT with CASTs, because the sum of a song's shares is checked in it.
    song, artist = SongFactory.build(), ArtistFactory.build()
    with sqlite_database.open() as library:
        with library.unit_of_work("testing") as work:
            put_all(work, [song, artist])
        with library.unit_of_work("testing") as work:
            work.song_artists.link(song.guid, artist.guid, weight=1.0)
        with library.reader() as session:
            kinds = session.execute(
                sa.text("SELECT typeof(created_at), typeof(weight) FROM song_artists")
            ).one()
    assert kinds == ("text", "real")
