"""Reconciles the stored passages of a file with a new recording of it.

The decisions depend on what was read. The commit has the condition that it still holds, so if two
workers record a file at once, the second reads and decides again.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

import sqlalchemy as sa
from sqlalchemy.orm import load_only, selectinload

from wkmp_orm.core.flush.senders import Query
from wkmp_orm.core.json_functions import JsonWith
from wkmp_orm.core.types import Json, utc_now
from wkmp_orm.errors import ConditionNotMetError, RowNotFoundError
from wkmp_orm.models import (
    Album,
    File,
    FileStatus,
    ImportProvenance,
    Passage,
    PassageAlbum,
    PassageSong,
    PassageStatus,
    Song,
)
from wkmp_orm.phases.json_text import JsonText
from wkmp_orm.phases.said import SAID, Said
from wkmp_orm.phases.user_edits import USER_OWNED, is_edited

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from wkmp_orm.models.rows import PassageWhere
    from wkmp_orm.phases.identity import Identity
    from wkmp_orm.work import UnitOfWork

Span = tuple[int, int]
"""A passage's start and end, in ticks from the file's start."""

UNBEGUN: Final = (FileStatus.PENDING, FileStatus.NO_AUDIO)
"""A file in one of these statuses becomes PROCESSING once its passages are recorded."""

_UNEDITED: Final = cast("PassageWhere", dict.fromkeys(USER_OWNED))

_of_file: Final = sa.bindparam("of_file", type_=File.guid.type)
_STATUS: Final = sa.select(File.status).where(File.guid == _of_file)
_STATUS_AND_ANY: Final = sa.select(
    File.status, sa.exists().where(Passage.file_id == _of_file)
).where(File.guid == _of_file)
# Without the JSON columns: an unreadable one must not stop the import that would replace it.
_PASSAGES: Final = (
    sa.select(Passage)
    .where(Passage.file_id == _of_file)
    .options(
        load_only(
            Passage.start_time_ticks,
            Passage.end_time_ticks,
            Passage.status,
            Passage.title,
            Passage.artist,
            Passage.album,
            Passage.mbid_source,
            *(getattr(Passage, name) for name in USER_OWNED),
        ),
        selectinload(Passage.provenance),
        selectinload(Passage.songs).selectinload(PassageSong.song).load_only(Song.recording_mbid),
        selectinload(Passage.albums).load_only(Album.album_mbid, Album.identity_key),
    )
)
_SAID: Final = sa.select(Passage.guid, JsonText(Passage.import_metadata, SAID)).where(
    Passage.file_id == _of_file
)

_stored_rows: Final = (
    sa.select(sa.func.count()).where(Passage.file_id == _of_file).scalar_subquery()
    + sa.select(sa.func.count())
    .where(ImportProvenance.passage_id == Passage.guid, Passage.file_id == _of_file)
    .scalar_subquery()
)
_begins: Final = File.status.in_(UNBEGUN)
_PROCESS_IF_AS_READ: Final = (
    sa.update(File)
    .where(
        File.guid == _of_file,
        File.status == sa.bindparam("status_read"),
        _stored_rows == sa.bindparam("rows_expected", type_=sa.Integer()),
    )
    .values(
        status=sa.case((_begins, FileStatus.PROCESSING), else_=File.status),
        updated_at=sa.case(
            (_begins, sa.bindparam("now", type_=File.updated_at.type)), else_=File.updated_at
        ),
    )
)
_UNLINK_SONG: Final = sa.delete(PassageSong).where(
    PassageSong.passage_id == sa.bindparam("of_passage"),
    PassageSong.song_id == sa.bindparam("of_song"),
)
_UNLINK_ALBUM: Final = sa.delete(PassageAlbum).where(
    PassageAlbum.passage_id == sa.bindparam("of_passage"),
    PassageAlbum.album_id == sa.bindparam("of_album"),
)


@cache
def _note(key: str) -> sa.Update:
    """Set an entry of a passage's metadata, leaving the entries of measuring and others."""
    noted = JsonWith(Passage.import_metadata, key, sa.bindparam("noted", type_=Json()))
    return (
        sa.update(Passage)
        .where(
            Passage.guid == sa.bindparam("of_passage", type_=Passage.guid.type),
            Passage.import_metadata.is_distinct_from(noted),
        )
        .values(
            import_metadata=noted,
            updated_at=sa.bindparam("now", type_=Passage.updated_at.type),
        )
    )


class Reconciliation:
    """Changes a file's stored passages to those recorded now, within one unit of work."""

    @staticmethod
    def query(file_guid: str) -> Query:
        """Return the query whose result `Reconciliation` takes."""
        return Query(_STATUS_AND_ANY, {"of_file": file_guid})

    def __init__(self, work: UnitOfWork, file_guid: str, found: Sequence[Sequence[Any]]) -> None:
        """Take the result of `query`, and read the file's passages if it has any.

        Raises RowNotFoundError for an unknown file, ConditionNotMetError for a duplicate.
        """
        self._work = work
        self._file_guid = file_guid
        status, has_passages = (found[0][0], found[0][1]) if found else (None, False)
        passages: Sequence[Passage] = ()
        kept: Sequence[Sequence[Any]] = ()
        if has_passages:
            with work.reader() as session:
                status = session.scalar(_STATUS, {"of_file": file_guid})
                passages = session.scalars(_PASSAGES, {"of_file": file_guid}).all()
                kept = session.execute(_SAID, {"of_file": file_guid}).all()
        if status is None:
            msg = f"recording of files {file_guid}: there is no such row; it was deleted meanwhile"
            raise RowNotFoundError(msg, table="files", key=file_guid)
        if status is FileStatus.DUPLICATE_HASH:
            msg = f"files {file_guid} is a duplicate: record the passages of its original instead"
            raise ConditionNotMetError(msg, table="files", key=file_guid)
        self._status = status
        self._stored = {(row.start_time_ticks, row.end_time_ticks): row for row in passages}
        said: dict[str, object] = {guid: text for guid, text in kept}  # noqa: C416  rows, not pairs
        self.said = [Said.told_by(row, said.get(row.guid)) for row in passages]
        """For each passage, what the file said before about shared rows."""
        self._added_rows = 0
        self._deleted_rows = 0
        self._former_songs: list[dict[str, str]] = []
        self._former_albums: list[dict[str, str]] = []
        self._notes: dict[str, list[dict[str, Any]]] = {}

    def known(self, span: Span) -> Passage | None:
        """Return the stored passage of this span."""
        return self._stored.get(span)

    def delete_others(self, wanted: Collection[Span]) -> list[str]:
        """Delete the passages of other spans; return the guids of those that stay: a user's edits.

        A passage that stays is completed, because no later phase handles it and the file could not
        be completed otherwise.
        """
        others = [passage for span, passage in self._stored.items() if span not in wanted]
        for passage in others:
            if not is_edited(passage):
                # A user may be editing it right now, so the statement checks that.
                self._work.passages.delete(passage.guid, where=_UNEDITED)
                self._deleted_rows += _rows_of(passage)
                continue
            # What it said belongs to content that no longer exists.
            self.note(passage, {SAID: Said().as_json()})
            if passage.status is not PassageStatus.INGEST_COMPLETE:
                self._work.passages.update(passage.guid, status=PassageStatus.INGEST_COMPLETE)
        return [passage.guid for passage in others if is_edited(passage)]

    def added(self, rows: int) -> None:
        """Count new rows of passages and provenance."""
        self._added_rows += rows

    def unlink_other_songs(self, passage: Passage, recording_mbid: str) -> None:
        """Unlink the passage from songs that are no longer its recording."""
        self._former_songs += [
            {"of_passage": passage.guid, "of_song": link.song_id}
            for link in passage.songs
            if link.song.recording_mbid != recording_mbid
        ]

    def unlink_other_albums(self, passage: Passage, albums: Collection[Identity]) -> None:
        """Unlink the passage from albums that are no longer its own."""
        self._former_albums += [
            {"of_passage": passage.guid, "of_album": row.guid}
            for row in passage.albums
            if not any(album.is_stored_as(row.album_mbid, row.identity_key) for album in albums)
        ]

    def note(self, passage: Passage, metadata: Mapping[str, Any]) -> None:
        """Set entries of a passage's metadata, if its file is being imported again.

        Otherwise they are stored already, and recording the same again must write nothing.
        """
        if self._status in UNBEGUN:
            for key, value in metadata.items():
                if value is None:  # unknown: the stored entry stays
                    continue
                row = {"of_passage": passage.guid, "noted": value, "now": utc_now()}
                self._notes.setdefault(key, []).append(row)

    def finish(self) -> None:
        """Queue the remaining statements, after everything else of the recording."""
        for key in sorted(self._notes):
            self._work.execute(_note(key), self._notes[key])
        if self._former_songs:
            self._work.execute(_UNLINK_SONG, self._former_songs)
        if self._former_albums:
            self._work.execute(_UNLINK_ALBUM, self._former_albums)
        if self._status in UNBEGUN or self._added_rows or self._deleted_rows:
            self._work.lock(f"passages:{self._file_guid}")
            stored_rows = sum(map(_rows_of, self._stored.values()))
            row = {
                "of_file": self._file_guid,
                "status_read": self._status,
                "rows_expected": stored_rows + self._added_rows - self._deleted_rows,
                "now": utc_now(),
            }
            self._work.execute(_PROCESS_IF_AS_READ, [row], expected=1)


def _rows_of(passage: Passage) -> int:
    return 1 + len(passage.provenance)
