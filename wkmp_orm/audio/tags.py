"""Reads what a sound file says of itself: its tags, its MusicBrainz ids, what its sound is like.

Knows the formats only through mediafile and mutagen, and knows no database.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from mediafile import (
    ASFStorageStyle,
    FileTypeError,
    ListMediaField,
    ListStorageStyle,
    MediaField,
    MediaFile,
    MP3ListDescStorageStyle,
    MP3ListStorageStyle,
    MP3StorageStyle,
    MP4ListStorageStyle,
    MP4StorageStyle,
    StorageStyle,
    UnreadableFileError,
    mutagen_call,
)
from mutagen.aac import AAC
from mutagen.oggflac import OggFLAC

from wkmp_orm.audio.formats import Sound, format_of, sound_of
from wkmp_orm.audio.opening import opened, unreadable
from wkmp_orm.audio.values import ids_in, mbid_of, names_in, text_of, year_of

if TYPE_CHECKING:
    from io import BufferedReader
    from pathlib import Path

LONGEST_TEXT: Final = 1_000
"""Characters that are kept of a text. The longest album title known has 865; a picture in the wrong
tag has a million, and PostgreSQL cannot index 2,700 bytes."""
LARGEST_TRACK_NUMBER: Final = 0xFFFF
"""MP4 has 16 bits for it."""

_UNTAGGED: Final = {"aac": AAC, "oga": OggFLAC}
_OUR_NAME: Final = {"aac": "m4a", "alac": "m4a", "asf": "wma"}


@dataclass(frozen=True, slots=True)
class ArtistCredit:
    """An artist who is credited with a recording; `mbid` is None when the file does not say."""

    name: str
    mbid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """What a sound file says of itself. None, or an empty tuple, is unknown; nothing is ever zero.

    `artist` is the credit as it is printed, `artists` are the persons and groups in it. MBIDs are
    lower-case UUIDs: `album_mbid` is the release, `recording_mbid` the recording (not the track on
    the release). `release_date` is as tagged, `year` the year in it. `warnings` says what was there
    and was not believed.
    """

    format: str
    duration_ticks: int | None = None
    sample_rate: int | None = None
    channels: int | None = None
    title: str | None = None
    artist: str | None = None
    artists: tuple[ArtistCredit, ...] = ()
    album: str | None = None
    album_artist: str | None = None
    album_artist_mbids: tuple[str, ...] = ()
    track_number: int | None = None
    release_date: str | None = None
    year: int | None = None
    recording_mbid: str | None = None
    album_mbid: str | None = None
    release_group_mbid: str | None = None
    work_mbids: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def read_tags(path: Path) -> Tags:
    """Read a sound file's tags and what its sound is like, by its content whatever its name.

    `format` is one of mp3, flac, ogg, oga, opus, m4a, wav, aac, aiff, ape, dsf, mpc, wma, wv; of
    aac and oga (FLAC in Ogg) no tags are read. Nothing is decoded.

    Raises SoundFileError when the file is empty, is no sound file or a damaged one, or cannot be
    read. A tag that cannot be read or believed is no error: it is unknown, and in `warnings`. Any
    thread may call it.
    """
    with opened(path) as file:
        announced = format_of(file)
        try:
            return _read(file, announced)
        except FileTypeError as error:
            raise unreadable(path, "not a sound file of a supported format") from error
        except UnreadableFileError as error:
            if announced is None:
                raise unreadable(path, "not a sound file: no sound was found in it") from error
            details = f": {error.message[:200]}" if error.message else ""
            raise unreadable(path, f"damaged or incomplete {announced} file{details}") from error


def _read(file: BufferedReader, announced: str | None) -> Tags:
    size_bytes = file.seek(0, 2)
    file.seek(0)
    if announced is not None:
        if (kind := _UNTAGGED.get(announced)) is not None:
            info = mutagen_call("open", announced, kind, file).info
            return _Answers(None, sound_of(info, announced, size_bytes)).tags(announced)
        # mutagen weighs the name against the content and takes FLAC named .mp3 for damaged MP3; the
        # name that it sees is the file object's.
        file.raw.name = f"sound.{announced}"  # type: ignore[attr-defined]
    fields = _Fields(file)
    their_name: str = fields.type
    name = _OUR_NAME.get(their_name, their_name)
    return _Answers(fields, sound_of(fields.mgfile.info, name, size_bytes)).tags(name)


class _Fields(MediaFile):  # type: ignore[misc]
    """mediafile's fields, and three that it lacks: all values of two, and the date as text."""

    artist_values = ListMediaField(
        MP3ListStorageStyle("TPE1"),
        MP4ListStorageStyle("\xa9ART"),
        ListStorageStyle("ARTIST"),
        ASFStorageStyle("Author"),
    )
    mb_workids = ListMediaField(
        MP3ListDescStorageStyle("MusicBrainz Work Id"),
        MP4ListStorageStyle("----:com.apple.iTunes:MusicBrainz Work Id"),
        ListStorageStyle("MUSICBRAINZ_WORKID"),
        ASFStorageStyle("MusicBrainz/Work Id"),
    )
    date_text = MediaField(
        MP3StorageStyle("TDRC"),
        MP4StorageStyle("\xa9day"),
        StorageStyle("DATE"),
        StorageStyle("YEAR"),
        ASFStorageStyle("WM/Year"),
    )


class _Answers:
    """What the fields answer, each made believable, with the warnings that this gives."""

    def __init__(self, fields: _Fields | None, sound: Sound) -> None:
        self._fields = fields
        self._sound = sound
        self._warnings = list(sound.warnings)

    def tags(self, name: str) -> Tags:
        date = self._text("date_text")
        return Tags(
            format=name,
            duration_ticks=self._sound.duration_ticks,
            sample_rate=self._sound.sample_rate,
            channels=self._sound.channels,
            title=self._text("title"),
            artist=self._text("artist_values"),
            artists=self._credits(),
            album=self._text("album"),
            album_artist=self._text("albumartist"),
            album_artist_mbids=self._mbids("mb_albumartistids"),
            track_number=self._track_number(),
            release_date=date,
            year=year_of(date) if date else None,
            recording_mbid=self._mbid("mb_trackid"),
            album_mbid=self._mbid("mb_albumid"),
            release_group_mbid=self._mbid("mb_releasegroupid"),
            work_mbids=self._mbids("mb_workids"),
            warnings=tuple(self._warnings),
        )

    def _raw(self, field: str) -> object:
        if self._fields is None:
            return None
        try:
            return getattr(self._fields, field)
        except Exception:  # noqa: BLE001
            # Whatever a damaged tag makes mutagen and mediafile raise (a track number of 5,000
            # digits is a ValueError of int): the other tags of the file are still good.
            self._warnings.append(f"{field} cannot be read")
            return None

    def _texts(self, field: str) -> list[str]:
        values = self._raw(field)
        if not isinstance(values, list):
            values = [] if values is None else [values]
        texts = [text for value in values if (text := text_of(value)) is not None]
        for text in texts:
            if len(text) > LONGEST_TEXT:
                self._warnings.append(f"{field} of {len(text)} characters is cut off")
        return [text[:LONGEST_TEXT] for text in texts]

    def _text(self, field: str) -> str | None:
        return ", ".join(self._texts(field))[:LONGEST_TEXT] or None

    def _track_number(self) -> int | None:
        number = self._raw("track")
        # mediafile answers 0 for a side of a record ("A1").
        if not isinstance(number, int) or number == 0:
            return None
        if 1 <= number <= LARGEST_TRACK_NUMBER:
            return number
        self._warnings.append(f"track number {number} is not believed")
        return None

    def _ids(self, field: str) -> list[str | None]:
        pieces = [piece for text in self._texts(field) for piece in ids_in(text)]
        mbids = [mbid_of(piece) for piece in pieces]
        for piece, mbid in zip(pieces, mbids, strict=True):
            if mbid is None:
                self._warnings.append(f"{field} {piece[:36]!r} is not a MusicBrainz id")
        return mbids

    def _mbids(self, field: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(mbid for mbid in self._ids(field) if mbid is not None))

    def _mbid(self, field: str) -> str | None:
        return next(iter(self._mbids(field)), None)

    def _credits(self) -> tuple[ArtistCredit, ...]:
        names = self._texts("artists") or self._texts("artist_values")
        ids = self._ids("mb_artistids")
        if len(names) == 1 < len(ids):
            # Taggers that write no list of names still write all ids, in the order of the credit.
            names = pieces if len(pieces := names_in(names[0])) == len(ids) else names
        if ids and len(ids) != len(names):
            self._warnings.append(f"{len(ids)} artist ids for {len(names)} names are not used")
            ids = []
        by_identity: dict[str, ArtistCredit] = {}
        for name, mbid in zip_longest(names, ids):
            by_identity.setdefault(mbid or name, ArtistCredit(name, mbid))
        return tuple(by_identity.values())
