"""Scanning and filename matching: which files there are, and what is to be done with each.

A new file gets a row; a changed one (size or modification time) goes back to PENDING under its
guid; an unchanged one is not written at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from wkmp_orm.core.types import utc_now
from wkmp_orm.models import File, FileStatus
from wkmp_orm.models.file import is_original
from wkmp_orm.phases.hash_deduplication import list_equal_files, name_originals

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wkmp_orm.work import UnitOfWork

SETTLED: Final = frozenset(
    {FileStatus.INGEST_COMPLETE, FileStatus.DUPLICATE_HASH, FileStatus.NO_AUDIO}
)
PATHS_AT_ONCE: Final = 500
"""Below the 999 parameters that older SQLites take."""


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


_original: Final = aliased(File)
_is_its_original: Final = (_original.hash == File.hash, is_original(_original))
# Columns, not the entity: a list of equal files that cannot be read must not stop a scan.
_KNOWN: Final = sa.select(
    File.path,
    File.guid,
    File.file_size_bytes,
    File.modification_time,
    File.status,
    File.hash,
    sa.exists().where(*_is_its_original).label("has_original"),
    sa.exists()
    .where(
        *_is_its_original,
        sa.cast(File.matching_hashes, sa.Text()).contains(sa.cast(_original.guid, sa.Text())),
    )
    .label("names_original"),
)

_duplicate: Final = File.status == FileStatus.DUPLICATE_HASH
_size: Final = sa.bindparam("size", type_=File.file_size_bytes.type)
_modified: Final = sa.bindparam("modified", type_=File.modification_time.type)
# An original keeps its hash, and with it its place among equal files: most files that change were
# only re-tagged or touched. A duplicate may not be PENDING under the hash of its original.
_START_ANEW: Final = (
    sa.update(File)
    .where(
        File.guid == sa.bindparam("of_guid"),
        File.status == sa.bindparam("status_before"),
        File.file_size_bytes.is_distinct_from(_size)
        | File.modification_time.is_distinct_from(_modified),
    )
    .values(
        status=FileStatus.PENDING,
        hash=sa.case((_duplicate, "PENDING"), else_=File.hash),
        matching_hashes=sa.case((_duplicate, sa.null()), else_=File.matching_hashes),
        file_size_bytes=_size,
        modification_time=_modified,
        updated_at=sa.bindparam("now", type_=File.updated_at.type),
    )
)


def record_files(work: UnitOfWork, found: Iterable[FoundFile]) -> list[MatchedFile]:
    """Match found files with their rows by path, and write the new and the changed ones.

    Duplicates whose list names a former original name the present one. Run it through
    `in_unit_of_work`: where another worker was faster with any of them, the commit
    is refused (ConstraintViolationError, ConditionNotMetError), and matching again finds its rows.
    """
    found = list(found)
    known = _known(work, [file.path for file in found])
    matched: list[MatchedFile] = []
    changed: list[tuple[Any, FoundFile]] = []
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
            changed.append((row, file))
            matched.append(MatchedFile(file, row.guid, Match.CHANGED, FileStatus.PENDING))
        else:
            match = Match.SETTLED if _is_settled(row) else Match.UNFINISHED
            matched.append(MatchedFile(file, row.guid, match, row.status))
    _start_anew(work, changed)
    name_originals(
        work,
        (
            (known[file.found.path].hash, file.guid)
            for file in matched
            if file.match is Match.SETTLED
            and file.status is FileStatus.DUPLICATE_HASH
            and not known[file.found.path].names_original
        ),
    )
    return matched


def _known(work: UnitOfWork, paths: Sequence[str]) -> dict[str, Any]:
    with work.reader() as session:
        return {
            row.path: row
            for start in range(0, len(paths), PATHS_AT_ONCE)
            for row in session.execute(
                _KNOWN.where(File.path.in_(paths[start : start + PATHS_AT_ONCE]))
            )
        }


def _is_settled(row: Any) -> bool:
    """Say whether nothing is to be done; a duplicate whose original is gone waits for its turn."""
    if row.status is FileStatus.DUPLICATE_HASH:
        return bool(row.has_original)
    return row.status in SETTLED


def _start_anew(work: UnitOfWork, changed: Sequence[tuple[Any, FoundFile]]) -> None:
    """Send changed files back to the start; those that list them as equal forget them."""
    if not changed:
        return
    work.execute(
        _START_ANEW,
        [
            {
                "of_guid": row.guid,
                "status_before": row.status,
                "size": file.size_bytes,
                "modified": file.modification_time,
                "now": utc_now(),
            }
            for row, file in changed
        ],
        expected=len(changed),
    )
    left = {row.hash for row, _ in changed if row.status is FileStatus.DUPLICATE_HASH}
    list_equal_files(work, dict.fromkeys(left))
