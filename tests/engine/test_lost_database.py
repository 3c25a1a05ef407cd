"""A database file that goes away while it is open is not written to as if nothing had happened."""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from wkmp_orm import Library, Song, UnitOfWork
from wkmp_orm.errors import DatabaseUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Database

ID = "00000000-0000-4000-8000-000000000001"


def put_a_song(work: UnitOfWork) -> None:
    work.songs.put(recording_mbid=ID, title="Sinnerman")


def deleted(path: Path) -> None:
    path.unlink()


def moved(path: Path) -> None:
    path.rename(path.with_name("moved.db"))


def replaced(path: Path) -> None:
    copy = path.with_name("copy.db")
    shutil.copyfile(path, copy)
    copy.replace(path)


@pytest.mark.parametrize("lose", [deleted, moved, replaced])
def test_a_commit_into_a_file_that_is_gone_is_refused_and_keeps_the_rows(
    sqlite_database: Database, lose: Callable[[Path], None]
) -> None:
    with sqlite_database.open() as library:
        assert library.target.path is not None
        with library.unit_of_work("first") as work:
            work.artists.put(artist_mbid="name:nina simone", name="Nina Simone")
        work = library.unit_of_work("lost")
        put_a_song(work)
        lose(library.target.path)
        with pytest.raises(DatabaseUnavailableError, match="was deleted, moved or replaced"):
            work.commit()
        assert not work.committed
        with (
            pytest.raises(DatabaseUnavailableError, match="put the file back"),
            library.begin_monitored("somebody"),
        ):
            pass


def test_put_back_it_is_written_to_again(sqlite_database: Database) -> None:
    with sqlite_database.open() as library:
        path = library.target.path
        assert path is not None
        work = library.unit_of_work("lost")
        put_a_song(work)
        aside = path.with_name("moved.db")
        path.rename(aside)
        with pytest.raises(DatabaseUnavailableError):
            work.commit()
        aside.rename(path)
        work.commit()
    with closing(Library.open(path)) as library, library.reader() as session:
        assert session.scalars(sa.select(Song.title)).all() == ["Sinnerman"]
