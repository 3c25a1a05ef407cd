"""Scanning and filename matching: which files there are, and what is to be done with each.

A new file gets a row; a changed one (size or modification time) goes back to PENDING under its
guid; an unchanged one is not written at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from wkmp_orm.models import File, FileStatus
from wkmp_orm.phases.hash_deduplication import refresh_clique
from wkmp_orm.types import utc_now

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wkmp_orm.unit_of_work import UnitOfWork

SETTLED: Final = frozenset(
    {FileStatus.INGEST_COMPLETE, FileStatus.DUPLICATE_HASH, FileStatus.NO_AUDIO}
)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file as the scan found it: stored path, bytes, modification time (UTC)."""

    path: str
    size_bytes: int
    modification_time: datetime


class Match(Enum):
    """What filename matching says of a found file."""

    NEW = "new"
    CHANGED = "changed"
    UNFINISHED = "unfinished"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class MatchedFile:
    """A found file, its row's guid and what is to be done: all but SETTLED are to be processed."""

    found: FoundFile
    guid: str
    match: Match
    status: FileStatus


def record_files(work: UnitOfWork, found: Iterable[FoundFile]) -> list[MatchedFile]:
    """Match found files with their rows by path, and write the new and the changed ones.

    What is answered for a new file is right once the unit of work has committed: another worker
    may have made the row first, and then its guid is that one's.
    """
    found = list(found)
    known = _known(work, [file.path for file in found])
    matched: list[MatchedFile] = []
    for file in found:
        row = known.get(file.path)
        if row is None:
            handle = work.files.add(
                path=file.path,
                file_size_bytes=file.size_bytes,
                modification_time=file.modification_time,
            )
            matched.append(MatchedFile(file, handle.guid, Match.NEW, FileStatus.PENDING))
        elif (row.file_size_bytes, row.modification_time) != (
            file.size_bytes,
            file.modification_time,
        ):
            _start_anew(work, row, file)
            matched.append(MatchedFile(file, row.guid, Match.CHANGED, FileStatus.PENDING))
        else:
            match = Match.SETTLED if row.status in SETTLED else Match.UNFINISHED
            matched.append(MatchedFile(file, row.guid, match, row.status))
    return matched


def _known(work: UnitOfWork, paths: list[str]) -> dict[str, File]:
    with work.reader() as session:
        return {
            row.path: row
            for start in range(0, len(paths), 500)
            for row in session.scalars(
                sa.select(File).where(File.path.in_(paths[start : start + 500]))
            )
        }


def _start_anew(work: UnitOfWork, row: File, file: FoundFile) -> None:
    """Send a changed file back to the start.

    An original keeps its hash, and with it its place among equal files: most files that change
    were only re-tagged or touched. A duplicate may not be PENDING under the hash of its original.
    """
    duplicate = File.status == FileStatus.DUPLICATE_HASH
    work.execute(
        sa.update(File)
        .where(File.guid == sa.bindparam("of_guid"))
        .values(
            status=FileStatus.PENDING,
            hash=sa.case((duplicate, "PENDING"), else_=File.hash),
            matching_hashes=sa.case((duplicate, sa.null()), else_=File.matching_hashes),
            file_size_bytes=sa.bindparam("size"),
            modification_time=sa.bindparam("modified", type_=File.modification_time.type),
            updated_at=sa.bindparam("now", type_=File.updated_at.type),
        ),
        [
            {
                "of_guid": row.guid,
                "size": file.size_bytes,
                "modified": file.modification_time,
                "now": utc_now(),
            }
        ],
        expected=1,
    )
    if row.status is FileStatus.DUPLICATE_HASH:
        refresh_clique(work, row.hash)
