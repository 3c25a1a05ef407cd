"""Reads a sound file's tags, MusicBrainz ids and sound properties, and keeps plausible values.

`tag_fields` handles the formats and their keys.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from wkmp_orm.audio.container import Container, read_container
from wkmp_orm.audio.formats import format_of
from wkmp_orm.audio.opening import opened
from wkmp_orm.audio.tag_fields import Fields, Reading, read_fields
from wkmp_orm.audio.values import (
    flag_of,
    folded,
    ids_in,
    mbid_of,
    names_in,
    number_of,
    text_of,
    year_of,
)
from wkmp_orm.errors import SoundFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

LONGEST_TEXT: Final = 1_000
"""The limit of a text, in characters. The longest known album title has 865; a picture in the wrong
tag has a million, and PostgreSQL cannot index 2,700 bytes."""
LARGEST_TRACK_NUMBER: Final = 0xFFFF
"""MP4 stores the number in 16 bits."""

_NOTHING: Final = Container()
_EVERYBODY_WRITES: Final = ("title", "artist_values", "album")
"""If one of these is unknown, the container is read too: it may have more tags."""
_READ_WHOLLY: Final = frozenset({"flac", "m4a", "mp3", "oga", "ogg", "opus", "wma"})
"""Formats of which the tag library reads everything: if it finds one of these fields, it has found
all. Reading the container takes a call of a decoder: 6 ms."""


@dataclass(frozen=True, slots=True)
class ArtistCredit:
    """An artist in a recording's credit; `mbid` is None if the file does not contain it."""

    name: str
    mbid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """A sound file's tags and properties. None or an empty tuple means unknown; zero never occurs.

    `format` is None if it was not recognised. `artist` is the credit as printed, and `artists` are
    the persons and groups in it. MBIDs are lower-case UUIDs: `album_mbid` is the release,
    `recording_mbid` the recording (not the track of the release). `release_date` is the date as
    tagged, and `year` the year in it. `compilation` is true if the album is tagged as one of
    several artists. `warnings` lists values that could not be read or are not plausible;
    `tag_warnings` are those that a person would want to correct in the file. `damage` is one of
    these: what the tag library could not read, and why.
    """

    format: str | None
    duration_ticks: int | None = None
    sample_rate: int | None = None
    channels: int | None = None
    title: str | None = None
    artist: str | None = None
    artists: tuple[ArtistCredit, ...] = ()
    album: str | None = None
    album_artist: str | None = None
    album_artist_mbids: tuple[str, ...] = ()
    compilation: bool = False
    track_number: int | None = None
    release_date: str | None = None
    year: int | None = None
    recording_mbid: str | None = None
    album_mbid: str | None = None
    release_group_mbid: str | None = None
    work_mbids: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    tag_warnings: tuple[str, ...] = ()
    damage: str | None = None


def read_tags(path: Path, *, ask_container: Callable[[Path], Container] = read_container) -> Tags:
    """Read a sound file's tags and sound properties; its content decides, not its name.

    The tag library comes first. What it does not find comes from the file's container, through
    `ask_container`, which may raise SoundFileError. Nothing is decoded, and the file may not be
    decodable: if it has no sound or is damaged, most values are unknown.

    `format` is one of mp3, flac, ogg, oga, opus, m4a, wav, aac, aiff, ape, dsf, mpc, wma, wv, mka,
    webm, w64, caf, or what else FFmpeg calls it.

    Raises SoundFileError if the file is empty or cannot be read. A tag that cannot be read or is
    not plausible is not an error: its value is unknown, and `warnings` mentions it. Any thread may
    call it.
    """
    with opened(path) as file:
        reading = read_fields(file, format_of(file))
    container = _NOTHING
    suffice = any if reading.format in _READ_WHOLLY else all
    if reading.damage is not None or not suffice(map(_Answers(reading).text, _EVERYBODY_WRITES)):
        # A container that cannot be read, or crashes its decoder, gives nothing. Decoding the file
        # will raise the reason.
        with suppress(SoundFileError):
            container = ask_container(path)
    return _Answers(reading, container).tags()


class _ContainerFields:
    """The values of a container as attributes with the names of the fields."""

    def __init__(self, container: Container) -> None:
        self._values = container.values

    def __getattr__(self, field: str) -> list[str]:
        return list(self._values.get(field, ()))


class _Answers:
    """Reads plausible values of the fields, and collects warnings about the others.

    For each field, the first source with a value counts.
    """

    def __init__(self, reading: Reading, container: Container = _NOTHING) -> None:
        self._reading = reading
        self._container = container
        self._sources: tuple[Fields | _ContainerFields, ...] = (
            *reading.fields,
            _ContainerFields(container),
        )
        self._warnings = [] if reading.damage is None else [reading.damage]

    def tags(self) -> Tags:
        sound, container = self._reading.sound, self._container
        date = self.text("date_text")
        return Tags(
            format=self._reading.format or (container.format if container.has_sound else None),
            duration_ticks=sound.duration_ticks,
            sample_rate=sound.sample_rate,
            channels=sound.channels,
            title=self.text("title"),
            artist=self.text("artist_values"),
            artists=self._credits(),
            album=self.text("album"),
            album_artist=self.text("albumartist"),
            album_artist_mbids=self._mbids("mb_albumartistids"),
            compilation=any(map(flag_of, self._texts("comp"))),
            track_number=self._track_number(),
            release_date=date,
            year=year_of(date) if date else None,
            recording_mbid=self._mbid("mb_trackid"),
            album_mbid=self._mbid("mb_albumid"),
            release_group_mbid=self._mbid("mb_releasegroupid"),
            work_mbids=self._mbids("mb_workids"),
            warnings=(*sound.warnings, *dict.fromkeys(self._warnings)),
            tag_warnings=tuple(dict.fromkeys(self._warnings)),
            damage=self._reading.damage,
        )

    def text(self, field: str) -> str | None:
        """Return all values of a field, each once, as one text."""
        return ", ".join(_distinct(self._texts(field)))[:LONGEST_TEXT] or None

    def _texts(self, field: str) -> list[str]:
        for source in self._sources:
            values = self._raw(source, field)
            if not isinstance(values, list):
                values = [] if values is None else [values]
            texts = [text for value in values if (text := text_of(value)) is not None]
            for text in texts:
                if len(text) > LONGEST_TEXT:
                    self._warnings.append(f"{field} of {len(text)} characters is cut off")
            if texts:
                return [text[:LONGEST_TEXT] for text in texts]
        return []

    def _raw(self, source: Fields | _ContainerFields, field: str) -> object:
        try:
            return getattr(source, field)
        except Exception:  # noqa: BLE001
            # A damaged tag may make mutagen and mediafile raise anything (a track number of 5,000
            # digits is a ValueError of int). The file's other tags are still good.
            self._warnings.append(f"{field} cannot be read")
            return None

    def _track_number(self) -> int | None:
        numbers = map(number_of, self._texts("track"))
        # mediafile returns 0 for a side of a record ("A1").
        number = next((number for number in numbers if number), None)
        if number is None or 1 <= number <= LARGEST_TRACK_NUMBER:
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
        if len(ids) != len(names):
            # FFmpeg writes the artist of a WMA file twice, and its id once.
            names, ids = _distinct(names), list(dict.fromkeys(ids))
        if len(names) == 1 < len(ids):
            # Taggers that write no list of names nevertheless write all ids in the credit's order.
            names = pieces if len(pieces := names_in(names[0])) == len(ids) else names
        if ids and len(ids) != len(names):
            self._warnings.append(f"{len(ids)} artist ids for {len(names)} names are not used")
            ids = []
        by_identity: dict[str, ArtistCredit] = {}
        for name, mbid in zip_longest(names, ids):
            by_identity.setdefault(mbid or folded(name), ArtistCredit(name, mbid))
        return tuple(by_identity.values())


def _distinct(texts: Iterable[str]) -> list[str]:
    """Return each text once, in its first spelling."""
    spelled: dict[str, str] = {}
    for text in texts:
        spelled.setdefault(folded(text), text)
    return list(spelled.values())
