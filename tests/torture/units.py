"""Units of work whose results are known beforehand, and who writes them one after the other.

Knows the package's public words. What a database must hold then is `oracle.py`'s.

The n-th unit of a writer adds a file with passages, a song for each, and rows that have no natural
key (a second insert would be a second row); adds one to a counter, which a second time would show;
changes a row of the unit before, and puts a mark in the place of the mark of the unit before.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

import sqlalchemy as sa

from wkmp_orm import Album, File
from wkmp_orm.models import SourceType

if TYPE_CHECKING:
    from wkmp_orm import Library
    from wkmp_orm.work import UnitOfWork

    from .journal import Journal

LONG_AGO: Final = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
SECOND: Final = 28_224_000
"""Ticks."""
FOLLOWED: Final = "followed"
SONGS: Final = 40
"""All writers' units meet at so many."""


def size_of(writer: int, number: int) -> int:
    """Return how many passages a unit has: 1 to 8, and 60 in every 17th."""
    return 60 if (writer + number) % 17 == 0 else 1 + (writer * 7 + number * 3) % 8


def counter_path(writer: int) -> str:
    """Return the path of the row in which a writer's units are counted."""
    return f"{writer}/counter"


def file_path(writer: int, number: int) -> str:
    """Return the path of a unit's file."""
    return f"{writer}/{number:06}.flac"


def mark_key(writer: int, number: int) -> str:
    """Return the natural key of a unit's mark."""
    return f"title:{writer}/{number:06}"


class Writer:
    """One thread's units of work, each after the last that is in the database."""

    def __init__(self, library: Library, journal: Journal, writer: int) -> None:
        """Look up where to go on."""
        self._library, self._journal, self._writer = library, journal, writer
        self._file: str | None = None
        self._mark: str | None = None
        self._failed: tuple[UnitOfWork, str, str] | None = None
        self.number = 0
        self.look_up()

    def look_up(self) -> None:
        """See which unit was the last, as a program does that begins anew."""
        files = sa.select(File.guid, File.path).where(File.path.like(f"{self._writer}/%.flac"))
        marks = sa.select(Album.guid).where(Album.album_mbid.like(f"title:{self._writer}/%"))
        with self._library.reader() as session:
            last = session.execute(files.order_by(File.path.desc()).limit(1)).first()
            self._mark = session.scalar(marks)
        if last is not None:
            self._file = last.guid
            self.number = int(last.path.split("/")[1].removesuffix(".flac"))

    def write(self) -> None:
        """Write the next unit, and note what is begun and what is reported.

        If the last one failed, the same unit is committed again; of the failed commit nothing may
        be there.
        """
        number = self.number + 1
        if self._failed is None:
            unit = self.filled()
            self._journal.begin(self._writer, number)
        else:
            unit = self._failed
            self._refuse_what_is_there(number)
        self._failed = unit
        work, file, mark = unit
        work.commit()
        self._journal.report(self._writer, number)
        self._file, self._mark, self.number, self._failed = file, mark, number, None

    def _refuse_what_is_there(self, number: int) -> None:
        query = sa.select(File.guid).where(File.path == file_path(self._writer, number))
        with self._library.reader() as session:
            if session.scalar(query) is not None:
                message = f"the commit of unit {number} raised, and its rows are there"
                raise AssertionError(message)

    def filled(self) -> tuple[UnitOfWork, str, str]:
        """Return the next unit of work, not committed, with the guids of its file and its mark."""
        writer, number = self._writer, self.number + 1
        work = self._library.unit_of_work("torture")
        file = work.files.add(path=file_path(writer, number), modification_time=LONG_AGO)
        for place in range(size_of(writer, number)):
            song = work.songs.put(recording_mbid=str(UUID(int=(number + place) % SONGS + 1)))
            passage = work.passages.add(
                file_id=file,
                start_time_ticks=place * SECOND,
                end_time_ticks=(place + 1) * SECOND,
            )
            work.passage_songs.link(passage, song, start_time_ticks=0, end_time_ticks=SECOND)
            work.import_provenance.add(
                passage_id=passage, source_type=SourceType.IDENTITY_EXTRACTOR
            )
        if number == 1:
            work.files.add(path=counter_path(writer), modification_time=LONG_AGO, year=0)
        counted = sa.update(File).where(File.path == counter_path(writer))
        work.execute(counted.values(year=File.year + 1), expected=1)
        mark = work.albums.add(album_mbid=mark_key(writer, number), title="mark")
        if self._file is not None and self._mark is not None:
            work.files.update(self._file, title=FOLLOWED)
            work.albums.delete(self._mark)
        return work, file.guid, mark.guid
