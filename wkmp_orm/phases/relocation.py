"""Changes the paths of rows whose files moved; they keep their guids, passages and edits.

The caller finds out which row belongs to which file. The statements here require that the row still
has the path and hash that were read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from wkmp_orm.core.types import utc_now
from wkmp_orm.models import File, FileStatus, ImportFailure
from wkmp_orm.models.file import UNKNOWN_HASHES
from wkmp_orm.phases.attempts import read_anew
from wkmp_orm.phases.returning import say_again
from wkmp_orm.phases.withdrawing import former_words, withdraw

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from wkmp_orm.library import Library
    from wkmp_orm.phases.scanning import FoundFile
    from wkmp_orm.work import UnitOfWork

PAGE: Final = 5_000
"""Rows read at a time: 2 MB, and no reader stays open while the caller examines the disk."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A stored file: its path, and the values that identify its content."""

    guid: str
    path: str
    hash: str
    status: FileStatus
    size_bytes: int | None
    modification_time: datetime
    created_at: datetime
    missing_since: datetime | None

    @property
    def has_hash(self) -> bool:
        """Whether the file's content hash is known."""
        return self.hash not in UNKNOWN_HASHES

    @property
    def is_unfinished(self) -> bool:
        """Whether its import is not finished."""
        return self.status in (FileStatus.PENDING, FileStatus.PROCESSING)


@dataclass(frozen=True, slots=True)
class Relocation:
    """A row and its new path.

    `found` is the file at that path. None means that the path is a substitute for a row whose file
    is gone and whose own path another row took.
    """

    row: StoredFile
    path: str
    found: FoundFile | None


STORED_COLUMNS: Final = (
    File.guid,
    File.path,
    File.hash,
    File.status,
    File.file_size_bytes,
    File.modification_time,
    File.created_at,
    File.missing_since,
)
"""The columns of a StoredFile, in its order."""
_after: Final = sa.bindparam("after", type_=File.guid.type)
_below: Final = sa.bindparam("below", type_=sa.Text())
_PAGE: Final = sa.select(*STORED_COLUMNS).order_by(File.guid)
_BELOW: Final = sa.func.substr(File.path, 1, sa.func.length(_below)) == _below
_IS_EMPTY: Final = ~sa.exists().select_from(File)
_KNOWN_HASHES: Final = (
    sa.select(File.hash).where(File.hash.in_(sa.bindparam("hashes", expanding=True))).distinct()
)

_of_guid: Final = sa.bindparam("of_guid", type_=File.guid.type)
_was_at: Final = sa.bindparam("was_at", type_=File.path.type)
_is_as_read: Final = (
    File.guid == _of_guid,
    File.path == _was_at,
    File.hash == sa.bindparam("of_hash", type_=File.hash.type),
)
_to: Final = sa.bindparam("to_path", type_=File.path.type)
_now: Final = sa.bindparam("now", type_=File.updated_at.type)
_PARK: Final = sa.update(File).where(*_is_as_read).values(path=_to)
# Readers look up the warnings and failures of a file by its path.
_TELL: Final = (
    sa.update(ImportFailure)
    .where(ImportFailure.file_id == _of_guid, ImportFailure.path == _was_at)
    .values(path=_to)
)
_FOLLOW: Final = (
    sa.update(File)
    .where(*_is_as_read)
    .values(
        path=_to,
        file_size_bytes=sa.bindparam("size", type_=File.file_size_bytes.type),
        modification_time=sa.bindparam("modified", type_=File.modification_time.type),
        missing_since=sa.null(),
        updated_at=_now,
    )
)
_KEEP: Final = (
    sa.update(File)
    .where(*_is_as_read)
    .values(
        path=_to,
        missing_since=sa.func.coalesce(
            File.missing_since, sa.bindparam("since", type_=File.missing_since.type)
        ),
        updated_at=_now,
    )
)


def is_empty(library: Library) -> bool:
    """Return whether no file is stored yet."""
    return read_anew(library, lambda session: bool(session.scalar(sa.select(_IS_EMPTY))))


def stored_files(library: Library, folder: str | None = None) -> Iterator[StoredFile]:
    """Yield all stored files below a stored path (None: the root), page by page."""
    query = (_PAGE if folder is None else _PAGE.where(_BELOW)).limit(PAGE)
    values: dict[str, str] = {} if folder is None else {"below": f"{folder}/"}
    while True:
        page = read_anew(library, partial(_page, query, values))
        yield from page
        if len(page) < PAGE:
            return
        if "after" not in values:
            query = query.where(File.guid > _after)
        values["after"] = page[-1].guid


def known_hashes(library: Library, hashes: Sequence[str]) -> set[str]:
    """Return those of the hashes that a stored file has."""
    known: set[str] = set()
    for start in range(0, len(hashes), 500):
        chunk = {"hashes": hashes[start : start + 500]}
        known.update(read_anew(library, partial(_known_hashes, chunk)))
    return known


def _page(query: sa.Executable, values: dict[str, str], session: Session) -> list[StoredFile]:
    return [StoredFile(*row) for row in session.execute(query, values)]


def _known_hashes(chunk: dict[str, Sequence[str]], session: Session) -> Sequence[str]:
    return session.scalars(_KNOWN_HASHES, chunk).all()


def record_relocations(work: UnitOfWork, relocations: Sequence[Relocation]) -> None:
    """Give rows their new paths, all of them or none.

    Warnings and failures move with them. If rows block each other, as when two files swapped
    places, they first move to a path that no file can have. The commit raises ConditionNotMetError
    if a row has changed since it was read, and FlushFailedError if another row now has the path.
    """
    left = [each.row.guid for each in relocations if each.found is None]
    withdrawal = None
    if left:
        with work.reader() as session:
            withdrawal = former_words(session, left)
    wanted = {each.path for each in relocations}
    parked = {each.row.guid for each in relocations if each.row.path in wanted}
    rows = [_parameters(each, was_at=each.row.path) for each in relocations]
    aside = [row | {"to_path": _aside(row["of_guid"])} for row in rows if row["of_guid"] in parked]
    for row in rows:
        if row["of_guid"] in parked:
            row["was_at"] = _aside(row["of_guid"])
    if aside:
        work.execute(_PARK, aside, expected=len(aside))
        work.execute(_TELL, aside)
    for statement, is_there in ((_FOLLOW, True), (_KEEP, False)):
        chosen = [
            row
            for row, each in zip(rows, relocations, strict=True)
            if (each.found is not None) is is_there
        ]
        if chosen:
            work.execute(statement, chosen, expected=len(chosen))
            work.execute(_TELL, chosen)
    withdraw(work, withdrawal)
    back = [each.row for each in relocations if each.found is not None]
    say_again(work, [row.guid for row in back if row.missing_since is not None])


def _aside(guid: str) -> str:
    # No file is at this path, because stored paths have no empty names.
    return f"//{guid}"


def _parameters(relocation: Relocation, *, was_at: str) -> dict[str, Any]:
    now = utc_now()
    row, found = relocation.row, relocation.found
    parameters = {
        "of_guid": row.guid,
        "was_at": was_at,
        "of_hash": row.hash,
        "to_path": relocation.path,
        "now": now,
    }
    if found is None:
        return parameters | {"since": now}
    return parameters | {"size": found.size_bytes, "modified": found.modification_time}
