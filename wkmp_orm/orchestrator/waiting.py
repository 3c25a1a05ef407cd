"""The queue of files that wait for their turn, and the copies found; both may be of any size.

They are stored in a temporary SQLite database, which is deleted with its connection: in memory, 10
million files took 8.5 GiB.
"""

from __future__ import annotations

import pickle
import sqlite3
import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from wkmp_orm.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from wkmp_orm.orchestrator.file_in_progress import WaitingFile
    from wkmp_orm.work import UnitOfWork

PAGE: Final = 200
"""Files in memory at a time: 0.2 MB, which take 0.4 ms to read."""
CACHE_KIB: Final = 2_000
"""The size of SQLite's page cache, beyond which it writes to its file."""

_TABLES: Final = """
PRAGMA journal_mode = OFF;
PRAGMA cache_size = -{cache};
CREATE TABLE waiting (number INTEGER PRIMARY KEY, goes_first INTEGER NOT NULL, file BLOB NOT NULL);
CREATE INDEX first_ones ON waiting (number) WHERE goes_first;
CREATE TABLE copies (
    guid TEXT PRIMARY KEY, path TEXT NOT NULL, is_new INTEGER NOT NULL, file BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX copies_by_path ON copies (path);
"""


class Queue(Protocol):
    """A source of files, taken one at a time."""

    def __len__(self) -> int:
        """Return how many are left."""

    def take(self, *, from_end: bool = False) -> WaitingFile | None:
        """Return the next file, or with `from_end` the last one; None if there is none."""


class _Nothing:
    """An empty queue."""

    def __len__(self) -> int:
        return 0

    def take(self, *, from_end: bool = False) -> WaitingFile | None:  # noqa: ARG002
        """Return None."""
        return None


NOTHING: Final = _Nothing()


class WaitingFiles:
    """A queue of files, and the copies. Any thread may call it; close it at the end.

    Every method raises StorageError if the disk for temporary files is full or fails.
    """

    def __init__(self) -> None:
        """Create an empty queue. Its file is in SQLite's folder for them: see $SQLITE_TMPDIR."""
        self._lock = threading.RLock()
        self._page: deque[bytes] = deque()
        self._left = 0
        with self._reported():
            self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            self._database.executescript(_TABLES.format(cache=CACHE_KIB))

    def __len__(self) -> int:
        return self._left

    def add(self, files: Iterable[WaitingFile], *, first: bool = False) -> None:
        """Append files to the queue; `first` puts them into `first_ones` as well."""
        rows = [(first, pickle.dumps(file)) for file in files]
        with self._reported():
            self._database.execute("BEGIN")
            self._database.executemany("INSERT INTO waiting (goes_first, file) VALUES (?, ?)", rows)
            self._database.execute("COMMIT")
            self._left += len(rows)

    def take(self, *, from_end: bool = False) -> WaitingFile | None:
        """Return the next file, or with `from_end` the last one; None if there is none."""
        with self._reported():
            if from_end and (file := self._pop("1 ORDER BY number DESC")) is not None:
                return file
            if not self._page:
                self._turn_page()
            if not self._page:
                return None
            self._left -= 1
            return _loaded(self._page.pop() if from_end else self._page.popleft())

    def first_ones(self) -> FirstOnes:
        """Return the queue of the files that go first: empty it before `take` is called."""
        return FirstOnes(self)

    def add_copy(self, file: WaitingFile, *, is_new: bool) -> None:
        """Store a copy of another file. `is_new`: this import has found that it is one."""
        with self._reported():
            self._database.execute(
                "INSERT OR REPLACE INTO copies VALUES (?, ?, ?, ?)",
                (file.matched.guid, file.matched.found.path, is_new, pickle.dumps(file)),
            )

    def copies(self) -> Iterator[list[WaitingFile]]:
        """Yield the copies in lists of a few hundred; copies taken meanwhile may be left out."""
        last = ""
        while True:
            with self._reported():
                rows = self._rows(
                    "SELECT guid, file FROM copies WHERE guid > ? ORDER BY guid LIMIT ?",
                    (last, PAGE),
                )
            if not rows:
                return
            last = rows[-1][0]
            yield [_loaded(file) for _, file in rows]

    def take_copy(self, file: WaitingFile) -> bool:
        """Remove a copy, and return whether this import has found that it is one."""
        with self._reported():
            key = (file.matched.guid,)
            ((is_new,),) = self._rows("SELECT is_new FROM copies WHERE guid = ?", key)
            self._rows("DELETE FROM copies WHERE guid = ?", key)
            return bool(is_new)

    def take_copy_at(self, path: str) -> WaitingFile | None:
        """Remove and return the copy at a stored path; None if there is none."""
        with self._reported():
            rows = self._rows("SELECT file FROM copies WHERE path = ?", (path,))
            self._rows("DELETE FROM copies WHERE path = ?", (path,))
            return _loaded(rows[0][0]) if rows else None

    def take_promoted(self) -> bool:
        """Return False: only the copies in `copies` can have become originals."""
        return False

    def fence(self, _file: WaitingFile) -> Callable[[UnitOfWork], None] | None:
        """Return None: no other importer can have the file."""
        return None

    def is_mine(self, _file: WaitingFile) -> bool:
        """Return True: no other importer can have the file."""
        return True

    def through(self, file: WaitingFile, *, is_copy: bool) -> None:
        """Record that this importer has finished a file, whatever the outcome."""
        if is_copy:
            self.add_copy(file, is_new=True)

    def close(self) -> None:
        """Discard all files."""
        with self._lock:
            self._database.close()

    def _turn_page(self) -> None:
        rows = self._rows("SELECT number, file FROM waiting ORDER BY number LIMIT ?", (PAGE,))
        if rows:
            self._page.extend(file for _, file in rows)
            self._rows("DELETE FROM waiting WHERE number <= ?", (rows[-1][0],))

    def _pop(self, which: str) -> WaitingFile | None:
        """Remove and return a file that is not in memory."""
        rows = self._rows(f"SELECT number, file FROM waiting WHERE {which} LIMIT 1")  # noqa: S608
        if not rows:
            return None
        self._rows("DELETE FROM waiting WHERE number = ?", (rows[0][0],))
        self._left -= 1
        return _loaded(rows[0][1])

    def _rows(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self._database.execute(statement, values).fetchall()

    @contextmanager
    def _reported(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise StorageError(
                    f"the list of waiting files cannot be kept as a temporary file ({error}): make"
                    " room for it, or name another folder in the variable SQLITE_TMPDIR"
                ) from error


class FirstOnes:
    """The waiting files that go first, as a separate queue."""

    def __init__(self, waiting: WaitingFiles) -> None:
        """Create a view: `take` removes files from the common queue."""
        self._waiting = waiting

    def __len__(self) -> int:
        with self._waiting._reported():
            ((number,),) = self._waiting._rows("SELECT count(*) FROM waiting WHERE goes_first")
        return int(number)

    def take(self, *, from_end: bool = False) -> WaitingFile | None:
        """Return the next file, or with `from_end` the last one; None if there is none."""
        order = "DESC" if from_end else "ASC"
        with self._waiting._reported():
            return self._waiting._pop(f"goes_first ORDER BY number {order}")


def _loaded(file: bytes) -> WaitingFile:
    waiting: WaitingFile = pickle.loads(file)  # noqa: S301  written by this process
    return waiting
