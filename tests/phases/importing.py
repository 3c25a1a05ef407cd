"""What the tests of phases do over and over: make files, run a phase, race two of them.

Knows the phases and a library; must not know what is claimed of them.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

import sqlalchemy as sa

from tests.flush.sent import as_inserts
from tests.support.patience import PATIENCE_S
from tests.support.recorder import recording
from wkmp_orm import File, Phase
from wkmp_orm.models import FileStatus
from wkmp_orm.phases import in_unit_of_work, is_duplicate, record_hash, record_passages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.support.recorder import StatementRecorder
    from wkmp_orm import Library, UnitOfWork
    from wkmp_orm.models import Base
    from wkmp_orm.phases import RecordedPassage, Recording

T = TypeVar("T")

LONG_AGO: Final = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
SECOND: Final = 28_224_000
"""Ticks."""


def mbid(number: int) -> str:
    """Make a MusicBrainz id that is easy to read in a failure."""
    return str(UUID(int=number))


def sha256(letter: str) -> str:
    """Make a hash."""
    return letter * 64


def add_file(library: Library, path: str = "nina/sinnerman.flac", **columns: Any) -> str:
    """Commit a file and return its guid."""
    with library.unit_of_work(Phase.SCANNING) as work:
        file = work.files.add(**({"modification_time": LONG_AGO} | columns), path=path)
    return file.guid


def add_files(library: Library, count: int, **columns: Any) -> list[str]:
    """Commit files, each a minute older than the next, and return their guids in that order."""
    with library.unit_of_work(Phase.SCANNING) as work:
        files = [
            work.files.add(
                **(
                    {"modification_time": LONG_AGO, "created_at": LONG_AGO + timedelta(minutes=n)}
                    | columns
                ),
                path=f"{n}.flac",
            )
            for n in range(count)
        ]
    return [file.guid for file in files]


def hash_file(library: Library, guid: str, digest: str) -> bool:
    """Run the hash phase of a file, and say whether it is a duplicate."""
    in_unit_of_work(library, Phase.HASH_DEDUPLICATION, lambda work: record_hash(work, guid, digest))
    return is_duplicate(library, guid)


def record(library: Library, file: str, *passages: RecordedPassage, **options: Any) -> Recording:
    """Run the recording phase of a file."""
    return in_unit_of_work(
        library, Phase.RECORDING, lambda work: record_passages(work, file, passages, **options)
    )


def set_columns(library: Library, table: str, guid: str, **columns: Any) -> None:
    """Change a row as a user or another service would."""
    with library.unit_of_work("a user") as work:
        getattr(work, table).update(guid, columns)


def analyze(library: Library) -> None:
    """Let the database count its rows, as PostgreSQL does by itself after a while."""
    with library.begin_monitored("a user") as session:
        session.execute(sa.text("ANALYZE"))


def stored(library: Library, *columns: Any) -> list[tuple[Any, ...]]:
    """Read columns of all rows, in the order of the columns."""
    with library.reader() as session:
        return [tuple(row) for row in session.execute(sa.select(*columns).order_by(*columns))]


def load(library: Library, model: type[Base], guid: str) -> Any:
    """Read a row."""
    with library.reader() as session:
        return session.get_one(model, guid)


def count(library: Library, model: type[Base]) -> int:
    """Count the rows of a table."""
    with library.reader() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(model)) or 0


def status_of(library: Library, file: str) -> FileStatus:
    """Read the status of a file."""
    status: FileStatus = load(library, File, file).status
    return status


def at_once(*calls: Callable[[], T]) -> list[T]:
    """Make calls in as many threads, started together; return the answers, or raise an error."""
    barrier = threading.Barrier(len(calls))

    def start(call: Callable[[], T]) -> T:
        barrier.wait(PATIENCE_S)
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return [future.result(PATIENCE_S) for future in [threads.submit(start, c) for c in calls]]


def race(library: Library, phase: str, *fills: Callable[[UnitOfWork], T]) -> list[T]:
    """Run units of work in as many threads; none commits before all have read for the first time.

    So each decides by what was there before the others, which is the worst case.
    """
    barrier = threading.Barrier(len(fills))

    def run(fill: Callable[[UnitOfWork], T]) -> T:
        to_meet = [barrier]

        def fill_and_meet(work: UnitOfWork) -> T:
            answer = fill(work)
            if to_meet:
                to_meet.pop().wait(PATIENCE_S)
            return answer

        return in_unit_of_work(library, phase, fill_and_meet)

    with ThreadPoolExecutor(len(fills)) as threads:
        futures = [threads.submit(run, fill) for fill in fills]
        return [future.result(PATIENCE_S) for future in futures]


def in_order(library: Library, phase: str, *fills: Callable[[UnitOfWork], T]) -> list[T]:
    """Run units of work one after the other."""
    return [in_unit_of_work(library, phase, fill) for fill in fills]


@contextmanager
def watching(library: Library) -> Iterator[StatementRecorder]:
    """Record all that is sent to the library's database inside the block."""
    with recording(library._writer.engine, library._readers) as recorder:
        yield recorder


def texts(recorder: StatementRecorder) -> Sequence[str]:
    """Return what was written, one line for each statement, without the ledger of flushes."""
    return [str(one) for one in as_inserts(recorder.dml()) if one.table != "flush_ledger"]
