"""A process that may open no more files is told so by an error of ours, and goes on when it may."""

from __future__ import annotations

import os
import resource
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import alembic.command  # noqa: F401  it is loaded when it is needed, and loading opens files
import pytest

from tests.flush.recordings import mbid
from wkmp_orm import Library
from wkmp_orm.core.engine import sqlite
from wkmp_orm.errors import DatabaseUnavailableError, ReadOnlyDatabaseError, WkmpOrmError
from wkmp_orm.schema.restoring import restore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Database

MOST = 8
"""Descriptors that are enough for whatever is tried here."""


@contextmanager
def descriptors(left: int) -> Iterator[None]:
    """Leave so many descriptors to this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(map(int, os.listdir("/dev/fd")))  # noqa: PTH208
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(highest + 20, hard), hard))
    taken = []
    try:
        with suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        for _ in range(left):
            os.close(taken.pop())
        yield
    finally:
        for each in taken:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def put_song(library: Library, number: int) -> None:
    with library.unit_of_work("songs") as work:
        work.songs.put(recording_mbid=mbid(2, number))


def test_a_commit_that_found_no_descriptor_says_so_and_succeeds_when_there_is_one(
    sqlite_database: Database,
) -> None:
    told = []
    for left in range(MOST):
        with sqlite_database.open() as library:
            work = library.unit_of_work("songs")
            work.songs.put(recording_mbid=mbid(2, left))
            try:
                with descriptors(left):
                    work.commit()
            except WkmpOrmError as error:
                told.append(error)
                work.commit()
            put_song(library, 100 + left)
    assert told
    assert all("ulimit -n" in str(error) for error in told), told


def test_a_connection_that_sqlite_could_open_only_to_read_is_replaced_by_the_next_commit(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_uri = sqlite._file_uri

    def as_without_a_descriptor(path: Path, *, read_only: bool) -> str:
        """Say what SQLite does by itself when it cannot open a file to write at this moment."""
        monkeypatch.undo()
        return file_uri(path, read_only=read_only) + "?mode=ro&ignored="

    with sqlite_database.open() as library:
        work = library.unit_of_work("songs")
        work.songs.put(recording_mbid=mbid(2, 1))
        monkeypatch.setattr(sqlite, "_file_uri", as_without_a_descriptor)
        with pytest.raises(ReadOnlyDatabaseError, match="nothing was written"):
            work.commit()
        assert work.commit().outcome == "committed"


def test_a_library_that_cannot_be_made_for_want_of_descriptors_is_made_afterwards(
    tmp_path: Path,
) -> None:
    path = tmp_path / "wkmp.db"
    told = []
    for left in range(MOST):
        try:
            with descriptors(left):
                Library.open(path).close()
        except WkmpOrmError as error:
            told.append(error)
    assert any(isinstance(error, DatabaseUnavailableError) for error in told)
    assert any("migrations" in str(error) and "cannot be read" in str(error) for error in told)
    with Library.open(path) as library:
        put_song(library, 1)


def test_a_backup_that_cannot_be_opened_is_told_and_restored_afterwards(
    sqlite_database: Database, tmp_path: Path
) -> None:
    backup = tmp_path / "kept.bak"
    with sqlite_database.open() as library:
        put_song(library, 1)
        library.back_up(backup)
    told = []
    for left in range(MOST):
        try:
            with descriptors(left):
                restore(sqlite_database.url, backup)
        except WkmpOrmError as error:
            told.append(str(error))
    assert any("unable to open database file" in each for each in told)
    assert not any("pages of another size" in each for each in told)
    restore(sqlite_database.url, backup)


@pytest.mark.parametrize("left", range(4))
def test_reading_goes_on_when_there_are_descriptors_again(
    sqlite_database: Database, left: int
) -> None:
    with sqlite_database.open() as library:
        put_song(library, 1)
    with sqlite_database.open() as library:
        with suppress(WkmpOrmError), descriptors(left), library.reader():
            pass
        with library.reader():
            put_song(library, 2)
