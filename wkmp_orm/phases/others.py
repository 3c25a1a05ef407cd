"""Conditions of statements: what other present files say about the rows that files share.

The statement has these parameters: `of_file`, the file that does not count, `before`, the value
that is no longer said, and `value`, which replaces it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from wkmp_orm.models import (
    Album,
    Artist,
    File,
    FileStatus,
    Passage,
    PassageAlbum,
    PassageSong,
    SongArtist,
    SongWork,
    Work,
)
from wkmp_orm.phases.json_text import JsonText
from wkmp_orm.phases.said import SAID

if TYPE_CHECKING:
    from collections.abc import Callable

OF_FILE: Final = sa.bindparam("of_file", type_=File.guid.type)
BEFORE: Final = sa.bindparam("before", type_=sa.Text())
VALUE: Final = sa.bindparam("value", type_=sa.Text())

OTHER: Final = aliased(Passage)
# A duplicate keeps the passages that a user edited, but they belong to its former content.
IS_THERE: Final = sa.exists().where(
    File.guid == OTHER.file_id,
    File.missing_since.is_(None),
    File.status != FileStatus.DUPLICATE_HASH,
)
OTHER_IS_THERE: Final = sa.and_(OTHER.file_id != OF_FILE, IS_THERE)
# The columns of a passage that was recorded before SAID existed still tell something.
IS_SILENT: Final = JsonText(OTHER.import_metadata, SAID, "by_tags").is_(None)

Says = sa.ColumnElement[bool]


def says(*names: str | sa.ColumnElement[str]) -> JsonText:
    """Return what another passage says, by its path in the stored JSON."""
    return JsonText(OTHER.import_metadata, SAID, *names)


BY_TAGS: Final = sa.cast(says("by_tags"), sa.Text()).in_(("1", "true"))
"""Another passage says it by its tags, not a web service. The databases spell true differently."""


def somebody_on_song(song: Any, *conditions: Says) -> Says:
    """Return the condition that a song has a passage that meets all conditions."""
    return sa.exists().where(
        PassageSong.song_id == song, PassageSong.passage_id == OTHER.guid, *conditions
    )


def somebody_on_artist(*conditions: Says) -> Says:
    """Return the same condition for a passage of a song by an artist."""
    return sa.exists().where(
        SongArtist.artist_id == Artist.guid,
        PassageSong.song_id == SongArtist.song_id,
        PassageSong.passage_id == OTHER.guid,
        *conditions,
    )


def somebody_on_work(*conditions: Says) -> Says:
    """Return the same condition for a passage of a song that records a work."""
    return sa.exists().where(
        SongWork.work_id == Work.guid,
        PassageSong.song_id == SongWork.song_id,
        PassageSong.passage_id == OTHER.guid,
        *conditions,
    )


def somebody_on_album(*conditions: Says) -> Says:
    """Return the same condition for a passage on an album."""
    return sa.exists().where(
        PassageAlbum.album_id == Album.guid, PassageAlbum.passage_id == OTHER.guid, *conditions
    )


def only_the_file(
    somebody: Callable[..., Says],
    said: sa.ColumnElement[str],
    by_columns: Any = None,
    *,
    must_be_said: bool,
    is_silent: Says = IS_SILENT,
) -> tuple[Says, ...]:
    """Return the conditions under which a value from this file is replaced.

    No other file may say the old value; with `must_be_said` another file must say the new value. A
    passage without SAID is judged by its columns; if they leave it open, it counts as saying it.
    """
    nobody = ~somebody(
        OTHER_IS_THERE,
        sa.or_(
            said == BEFORE,
            is_silent if by_columns is None else sa.and_(is_silent, by_columns == BEFORE),
        ),
    )
    return (nobody, somebody(OTHER_IS_THERE, said == VALUE)) if must_be_said else (nobody,)
