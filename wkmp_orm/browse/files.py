"""Lists files and passages by path, duplicates, and failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from wkmp_orm.browse.entries import DuplicateEntry, FailureEntry, FileEntry, PassageEntry
from wkmp_orm.browse.keys import file_path
from wkmp_orm.browse.pages import (
    Page,
    Source,
    checked_limit,
    entries_of,
    page,
    position_of,
)
from wkmp_orm.browse.query import begins_with, contains, parsed
from wkmp_orm.core.types import is_uuid
from wkmp_orm.errors import ConfigurationError
from wkmp_orm.models import File, FileStatus, ImportFailure, Passage
from wkmp_orm.models.file import is_original
from wkmp_orm.models.import_failure import WARNING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from wkmp_orm.browse.pages import Place, Rows
    from wkmp_orm.browse.query import Query

FILE: Final = "file"

_GUIDS: Final[sa.BindParameter[Any]] = sa.bindparam("guids", expanding=True)


def files(
    session: Session, query: str | Sequence[str] = "", *, after: str | None = None, limit: int = 50
) -> Page[FileEntry]:
    """Return a page of files, ordered by path.

    `query` contains words of the path and the tags, `path:` with the beginning of the stored path
    (case-sensitive, as in `path:Nina/`), and `status:` with the beginning of the status. The other
    arguments and the errors are those of `songs`.
    """
    number = checked_limit(limit)
    wanted = parsed(query, ("path", "status"))
    words = (sa.or_(*(contains(text, word) for text in _TEXTS)) for word in wanted.words)
    conditions = (*_with_path(wanted), *_with_status(wanted), *words)
    sources = [Source(FILE, file_path, File.guid, conditions, is_narrow=bool(wanted.of("status")))]
    position = position_of(session, after, (file_path, File.guid))
    return page(session, sources, position, number, file_entries)


def _with_path(query: Query) -> list[sa.ColumnElement[bool]]:
    return [begins_with(file_path, each) for each in query.of("path")]


def _with_status(query: Query) -> list[sa.ColumnElement[bool]]:
    return [File.status.in_(statuses(each)) for each in query.of("status")]


def statuses(value: str) -> list[FileStatus]:
    """Return the statuses that begin with `value`. Raises ConfigurationError if there is none."""
    wanted = value.upper().replace("_", " ")
    if found := [each for each in FileStatus if each.value.startswith(wanted)]:
        return found
    known = ", ".join(each.value for each in FileStatus)
    message = f"there is no status {value!a}; a file is one of {known}"
    raise ConfigurationError(message)


_TEXTS: Final = (File.path, File.title, File.artist, File.album)
_FILES: Final = sa.select(
    File.guid,
    File.path,
    File.status,
    File.title,
    File.artist,
    File.album,
    File.track_number,
    File.year,
    File.format,
    File.duration_ticks,
    File.file_size_bytes,
    File.missing_since,
)


def file_entries(session: Session, places: list[Place]) -> dict[str, FileEntry]:
    """Return the files at these places, by guid."""
    query = _FILES.where(File.guid.in_(_GUIDS))
    return entries_of(session, FileEntry, query, [place.guid for place in places])


PASSAGES: Final = (
    sa.select(
        Passage.guid,
        File.path,
        Passage.start_time_ticks.label("start_ticks"),
        Passage.end_time_ticks.label("end_ticks"),
        sa.func.coalesce(Passage.user_title, Passage.title).label("title"),
        Passage.artist,
        Passage.album,
        Passage.song_id.label("song_guid"),
        Passage.recording_mbid,
        File.missing_since,
    )
    .select_from(Passage)
    .join(File, File.guid == Passage.file_id)
)
IN_ORDER: Final = (file_path, File.guid, Passage.start_time_ticks, Passage.guid)


def passages(
    session: Session, query: str | Sequence[str] = "", *, after: str | None = None, limit: int = 50
) -> Page[PassageEntry]:
    """Return a page of passages, ordered by their file's path and their start.

    `query` contains words of the path, title, artist and album, and `path:` as for `files`. The
    other arguments and the errors are those of `songs`.
    """
    number = checked_limit(limit)
    wanted = parsed(query, ("path",))
    texts = (File.path, Passage.user_title, Passage.title, Passage.artist, Passage.album)
    words = (sa.or_(*(contains(text, word) for text in texts)) for word in wanted.words)
    chosen = PASSAGES.where(*_with_path(wanted), *words)
    found: list[PassageEntry] = []
    for query_of_range in _ranges_of_passages(session, chosen, after):
        rows = session.execute(query_of_range.limit(number + 1 - len(found))).mappings()
        found += [PassageEntry(**row) for row in rows]
        if len(found) > number:
            break
    return Page(tuple(found[:number]), found[number - 1].guid if len(found) > number else None)


def _ranges_of_passages(session: Session, chosen: Rows, after: str | None) -> list[Rows]:
    if after is None:
        return [chosen.where(file_path >= "").order_by(*IN_ORDER)]
    last = (
        session.execute(
            sa.select(File.guid, file_path.label("key"), Passage.start_time_ticks)
            .join(Passage, Passage.file_id == File.guid)
            .where(Passage.guid == after)
        ).first()
        if is_uuid(after)
        else None
    )
    if last is None:
        message = f"after={after!a} is not a passage, or was deleted: start again"
        raise ConfigurationError(message)
    file, key, start = last
    later = sa.or_(
        Passage.start_time_ticks > start,
        sa.and_(Passage.start_time_ticks == start, Passage.guid > after),
    )
    return [
        chosen.where(Passage.file_id == file, later).order_by(*IN_ORDER[2:]),
        chosen.where(file_path == key, File.guid > file).order_by(*IN_ORDER[1:]),
        chosen.where(file_path > key).order_by(*IN_ORDER),
    ]


_original: Final = aliased(File)
_DUPLICATES: Final = (
    sa.select(
        File.guid,
        File.path,
        File.hash,
        _original.guid.label("original_guid"),
        _original.path.label("original_path"),
        File.missing_since,
    )
    .outerjoin(_original, sa.and_(_original.hash == File.hash, is_original(_original)))
    .where(File.guid.in_(_GUIDS))
)


def duplicates(
    session: Session, *, after: str | None = None, limit: int = 50
) -> Page[DuplicateEntry]:
    """Return a page of files that are equal to another one, grouped by content.

    Raises ConfigurationError as `songs` does.
    """
    number = checked_limit(limit)
    # The same text as in the partial index of duplicates, without a parameter.
    is_duplicate = File.status == sa.literal_column(f"'{FileStatus.DUPLICATE_HASH}'")
    sources = [Source(FILE, File.hash, File.guid, (is_duplicate,))]
    position = position_of(session, after, (File.hash, File.guid))
    return page(session, sources, position, number, _duplicate_entries)


def _duplicate_entries(session: Session, places: list[Place]) -> dict[str, DuplicateEntry]:
    return entries_of(session, DuplicateEntry, _DUPLICATES, [place.guid for place in places])


FAILURES: Final = (
    sa.select(
        ImportFailure.guid,
        ImportFailure.path,
        ImportFailure.phase,
        ImportFailure.reason,
        ImportFailure.occurred_at,
        ImportFailure.file_id.label("file_guid"),
    )
    .where(ImportFailure.phase != WARNING)
    .order_by(ImportFailure.guid.desc())
)


def failures(session: Session, *, after: str | None = None, limit: int = 50) -> Page[FailureEntry]:
    """Return a page of the failures that still exist, the latest first.

    Raises ConfigurationError as `songs` does.
    """
    number = checked_limit(limit)
    query = FAILURES.limit(number + 1)
    if after is not None:
        position_of(session, after, (ImportFailure.path, ImportFailure.guid))
        query = query.where(ImportFailure.guid < after)
    found = [FailureEntry(**row) for row in session.execute(query).mappings()]
    return Page(tuple(found[:number]), found[number - 1].guid if len(found) > number else None)
