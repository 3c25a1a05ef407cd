"""What a database must hold after writers of `units.py` were stopped anyhow, and what it lacks.

Knows SQL and the units; must not know the package that is being tested.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from .journal import WRITERS
from .units import FOLLOWED, counter_path, size_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .journal import Journal, Known


class Connection(Protocol):
    """A driver's connection, of either database."""

    def execute(self, statement: Any, /) -> Any:
        """Return a cursor with the rows of a statement."""


@dataclass
class Seen:
    """What is there of one writer's units, each by its number."""

    counters: list[int] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    titles: dict[int, str | None] = field(default_factory=dict)
    passages: dict[int, int] = field(default_factory=dict)
    provenance: dict[int, int] = field(default_factory=dict)
    links: dict[int, int] = field(default_factory=dict)

    @property
    def last(self) -> int:
        """The number of the last unit that has left a file."""
        return max(self.titles, default=0)


_COUNTS = """
SELECT f.path,
  (SELECT count(*) FROM passages p WHERE p.file_id = f.guid),
  (SELECT count(*) FROM passages p JOIN import_provenance i ON i.passage_id = p.guid
    WHERE p.file_id = f.guid),
  (SELECT count(*) FROM passages p JOIN passage_songs l ON l.passage_id = p.guid
    JOIN songs s ON s.guid = l.song_id WHERE p.file_id = f.guid),
  f.title, f.year
FROM files f
"""


def look(connection: Connection) -> dict[int, Seen]:
    """Read all writers' units in one transaction."""
    seen: dict[int, Seen] = defaultdict(Seen)
    is_sqlite = isinstance(connection, sqlite3.Connection)
    connection.execute("BEGIN" if is_sqlite else "BEGIN ISOLATION LEVEL REPEATABLE READ")
    try:
        for path, passages, provenance, links, title, year in connection.execute(_COUNTS):
            writer, name = path.split("/")
            its = seen[int(writer)]
            if path == counter_path(int(writer)):
                its.counters.append(year)
                continue
            number = int(name.removesuffix(".flac"))
            its.titles[number] = title
            its.passages[number] = passages
            its.provenance[number] = provenance
            its.links[number] = links
        marks = connection.execute("SELECT album_mbid FROM albums WHERE album_mbid LIKE 'title:%'")
        for (key,) in marks:
            writer, number = key.removeprefix("title:").split("/")
            seen[int(writer)].marks.append(int(number))
    finally:
        connection.execute("ROLLBACK")
    return dict(seen)


def not_whole(seen: dict[int, Seen]) -> Iterator[str]:
    """Tell what no stop may leave: parts of a unit, a unit twice, a unit without the one before."""
    for writer, its in seen.items():
        last = its.last
        if sorted(its.titles) != list(range(1, last + 1)):
            missing = sorted(set(range(1, last + 1)) - its.titles.keys())
            yield f"writer {writer} has unit {last} but not {missing}"
        if its.counters != ([last] if last else []):
            yield f"writer {writer} has {last} units, but its counter says {its.counters}"
        if its.marks != ([last] if last else []):
            yield f"writer {writer} has {last} units, but its marks are of {its.marks}"
        for number, title in its.titles.items():
            if (title == FOLLOWED) != (number < last):
                yield f"the file of writer {writer}'s unit {number} of {last} has title {title!r}"
            size = size_of(writer, number)
            for name in ("passages", "provenance", "links"):
                found = getattr(its, name)[number]
                if found != size:
                    yield f"writer {writer}'s unit {number} has {found} {name} instead of {size}"


def lost(seen: dict[int, Seen], before: list[Known], after: list[Known]) -> Iterator[str]:
    """Tell which units were reported and are not there, and which are there and nobody began.

    `before` is what the writers knew before the database was looked at, `after` what they know
    now: they may be writing meanwhile.
    """
    for writer, (earlier, later) in enumerate(zip(before, after, strict=True)):
        last = seen[writer].last if writer in seen else 0
        if last < earlier.reported:
            yield f"writer {writer} was told that unit {earlier.reported} is committed; {last} is"
        if last > later.begun:
            yield f"writer {writer} began unit {later.begun}; {last} is there"


def damage(connection: Connection) -> Iterator[str]:
    """Tell what SQLite itself finds wrong with its file."""
    for (finding,) in connection.execute("PRAGMA integrity_check(3)").fetchall():
        if finding != "ok":
            yield f"integrity_check: {finding}"
    for row in connection.execute("PRAGMA foreign_key_check").fetchall():
        yield f"foreign_key_check: {tuple(row)}"


def judge_rows(connection: Connection, journal: Journal) -> list[str]:
    """Tell which units are lost, half there or there twice, whoever writes meanwhile."""
    before = journal.all()
    seen = look(connection)
    return [*not_whole(seen), *lost(seen, before, journal.all())]


def judge_file(path: Path, journal: Journal) -> list[str]:
    """Tell all that is wrong with an SQLite file, opened as any other program would open it."""
    try:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as connection:
            return [*damage(connection), *judge_rows(connection, journal)]
    except sqlite3.Error as error:
        return [f"cannot be read: {error}"]


def damage_of(path: Path) -> list[str]:
    """Tell what SQLite itself finds wrong with a file, whatever rows are in it."""
    try:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as connection:
            return list(damage(connection))
    except sqlite3.Error as error:
        return [f"cannot be read: {error}"]


def judge_copy(path: Path, journal: Journal) -> list[str]:
    """Do as `judge_file` with a copy of a file that nobody has open.

    The file itself stays as it was left, with its log: it is for the package to recover it.
    """
    copy = path.with_name("copy of " + path.name)
    for suffix in ("", "-wal", "-journal"):
        source, target = path.with_name(path.name + suffix), copy.with_name(copy.name + suffix)
        target.unlink(missing_ok=True)
        if source.exists():
            shutil.copyfile(source, target)
    return judge_file(copy, journal)


def settle(connection: Connection, journal: Journal) -> None:
    """Have the journal say what is there, before others go on from it."""
    seen = look(connection)
    for writer in range(WRITERS):
        journal.settle(writer, seen[writer].last if writer in seen else 0)
