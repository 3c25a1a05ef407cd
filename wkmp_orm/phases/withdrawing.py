"""Replaces values of shared rows that files no longer give by the values of other files.

A file no longer describes a song when it is missing, contains another recording or is a copy of
another file. Then a stored value that only this file gave is replaced by the value of the oldest
passage of the present files. If there is none, the value stays until `adopting` replaces it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlalchemy as sa

from wkmp_orm.core.types import is_uuid, utc_now
from wkmp_orm.models import (
    Album,
    Artist,
    Passage,
    PassageAlbum,
    PassageSong,
    Song,
    SongArtist,
    SongWork,
    Work,
)
from wkmp_orm.phases.correcting import (
    replace_album_title,
    replace_date,
    replace_name,
    replace_of_song,
    replace_work_title,
)
from wkmp_orm.phases.identity import artist_identity, renamed_album
from wkmp_orm.phases.json_text import JsonText
from wkmp_orm.phases.others import IS_THERE, OTHER
from wkmp_orm.phases.said import SAID, Said, credit_of, row_key
from wkmp_orm.phases.song_links import (
    NOBODY_CREDITS,
    SOMEBODY_CREDITS,
    replace_credit,
    unlink_works,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy.orm import Session

    from wkmp_orm.core.flush.changes import PendingStatement
    from wkmp_orm.work import UnitOfWork

NO_FILE: Final = "00000000-0000-0000-0000-000000000000"
"""The excluded file of statements in which all files count."""

MOST_HEIRS: Final = 5_000
_OF_SONGS: Final = ("title", "artist_name", "credit", "work")


class Word(NamedTuple):
    """One statement of a file: the kind of value, the key of the shared row, and the value."""

    of: str
    key: str
    value: str


def words_of(said: Said) -> Iterator[Word]:
    """Yield what a passage said by its tags about shared rows."""
    if said.recording is not None:
        for of, value in (("title", said.title), ("artist_name", said.artist)):
            if value is not None:
                yield Word(of, said.recording, value)
        if said.artists:
            yield Word("credit", said.recording, credit_of(said.artists))
        for mbid, title in (said.works or {}).items():
            yield Word("work", said.recording, mbid)
            yield Word("work_title", mbid, title)
    for key, name in said.artists.items():
        yield Word("name", key, name)
    for key, (title, date) in said.albums.items():
        yield Word("album", key, title)
        if date is not None:
            yield Word("date", key, date)


_files: Final[sa.BindParameter[Any]] = sa.bindparam("files", expanding=True)
_keys: Final[sa.BindParameter[Any]] = sa.bindparam("keys", expanding=True)
_said: Final = JsonText(OTHER.import_metadata, SAID)
_FORMER: Final = sa.select(JsonText(Passage.import_metadata, SAID)).where(
    Passage.file_id.in_(_files), JsonText(Passage.import_metadata, SAID).is_not(None)
)
_is_another: Final = (IS_THERE, OTHER.file_id.not_in(_files))
_ALBUMS: Final = (
    sa.select(Album.guid, Album.album_mbid, Album.identity_key)
    .join(PassageAlbum, PassageAlbum.album_id == Album.guid)
    .join(Passage, Passage.guid == PassageAlbum.passage_id)
    .where(Passage.file_id.in_(_files))
    .distinct()
)
_HEIRS: Final = {
    "songs": sa.select(_said).where(
        PassageSong.passage_id == OTHER.guid,
        PassageSong.song_id == Song.guid,
        Song.recording_mbid.in_(_keys),
        *_is_another,
    ),
    "artists": sa.select(_said).where(
        PassageSong.passage_id == OTHER.guid,
        SongArtist.song_id == PassageSong.song_id,
        SongArtist.artist_id == Artist.guid,
        Artist.artist_mbid.in_(_keys),
        *_is_another,
    ),
    "works": sa.select(_said).where(
        PassageSong.passage_id == OTHER.guid,
        SongWork.song_id == PassageSong.song_id,
        SongWork.work_id == Work.guid,
        Work.work_mbid.in_(_keys),
        *_is_another,
    ),
    "albums": sa.select(_said).where(
        PassageAlbum.passage_id == OTHER.guid, PassageAlbum.album_id.in_(_keys), *_is_another
    ),
}


@dataclass(slots=True)
class Withdrawal:
    """What files said, read before they stop saying it."""

    words: dict[Word, None] = field(default_factory=dict)
    heirs: dict[tuple[str, str], str] = field(default_factory=dict)
    albums: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    """The guid and the identity of an album, by its key."""
    credits: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """The artists of a credit, as `Said` has them, by the credit as one text."""

    def inherit(self, said: Said) -> None:
        """Take the values of another passage for which no older passage has one."""
        self.note_credit(said)
        for word in words_of(said):
            self.heirs.setdefault((word.of, word.key), word.value)

    def note_credit(self, said: Said) -> None:
        """Store the artists of a credit."""
        self.credits[credit_of(said.artists)] = said.artists


def former_words(
    session: Session,
    files: Collection[str],
    kept: Iterable[Said] = (),
    heirs: Iterable[Said] = (),
) -> Withdrawal | None:
    """Read what the passages of files said, except about rows that `kept` also describes.

    `heirs` will say something too, after the passages that say something now. Returns None if no
    other passage says anything about these rows.
    """
    chosen = {"files": [*files]}
    told = [Said.stored(text) for text in session.scalars(_FORMER, chosen)]
    still = {(word.of, word.key) for said in kept for word in words_of(said)}
    found = Withdrawal(
        {
            word: None
            for said in told
            if said is not None and said.by_tags
            for word in words_of(said)
            if (word.of, word.key) not in still
        }
    )
    if not found.words:
        return None
    for said in told:
        if said is not None:
            found.note_credit(said)
    for guid, mbid, identity in session.execute(_ALBUMS, chosen):
        found.albums[row_key(mbid)] = (guid, identity)
    keys = {
        "songs": {word.key for word in found.words if word.of in _OF_SONGS},
        "artists": {_artist_mbid(word) for word in found.words if word.of == "name"},
        "works": {word.key for word in found.words if word.of == "work_title"},
        "albums": {found.albums[word.key][0] for word in found.words if word.key in found.albums},
    }
    for what, those in keys.items():
        if those:
            query = _HEIRS[what].order_by(OTHER.guid).limit(MOST_HEIRS)
            for text in session.scalars(query, chosen | {"keys": sorted(those)}):
                said = Said.stored(text)
                if said is not None:
                    found.inherit(said)
    for said in heirs:
        found.inherit(said)
    return found if found.heirs else None


def withdraw(work: UnitOfWork, found: Withdrawal | None) -> Sequence[PendingStatement]:
    """Replace the values that were read, if no present file gives them any more.

    The statements check that; they must come after those that change what the files say. After the
    commit the `matched` of each is the number of values it replaced.
    """
    if found is None:
        return []
    statements = []
    for word in found.words:
        value = found.heirs.get((word.of, word.key))
        if value is None or value == word.value:
            continue
        row = {"of_file": NO_FILE, "now": utc_now()}
        if word.of in ("credit", "work"):
            statements += _withdraw_link(work, row | {"of_mbid": word.key}, word, value, found)
            continue
        statement, of = _statement(word, value, found)
        if statement is not None:
            work.lock(f"said:{word.key}")
            changed = row | {"before": word.value, "value": value} | of
            replaced = work.execute(statement, [changed])
            if word.of != "work_title":  # a work's title is also its song's, and is counted there
                statements.append(replaced)
    return statements


def _withdraw_link(
    work: UnitOfWork, row: dict[str, Any], word: Word, value: str, found: Withdrawal
) -> list[PendingStatement]:
    if word.of == "work":
        return unlink_works(work, row, [word.value], must_be_said=True)
    former, artists = found.credits[word.value], found.credits[value]
    return [replace_credit(work, row, former, artists, NOBODY_CREDITS, SOMEBODY_CREDITS)]


def _statement(
    word: Word, value: str, found: Withdrawal
) -> tuple[sa.Update | None, dict[str, Any]]:
    if word.of in ("title", "artist_name"):
        return replace_of_song(word.of, must_be_said=True), {"of_mbid": word.key}
    if word.of == "name":
        row = {"of_mbid": _artist_mbid(word), "said_key": word.key}
        return replace_name(must_be_said=True), row | {"key": artist_identity(value).key}
    if word.of == "work_title":
        row = {"of_mbid": word.key, "said_key": word.key}
        return replace_work_title(must_be_said=True), row
    if word.key not in found.albums:
        return None, {}
    guid, identity = found.albums[word.key]
    row = {"of_guid": guid, "said_key": word.key}
    if word.of == "date":
        return replace_date(must_be_said=True), row
    key = renamed_album(identity, value) if identity else None
    return replace_album_title(must_be_said=True), row | {"key": key}


def _artist_mbid(word: Word) -> str:
    return word.key if is_uuid(word.key) else artist_identity(word.value).key
