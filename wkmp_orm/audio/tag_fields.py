"""Reads the tags of a sound file with mutagen and mediafile, each tag separately.

`tags` decides which values are plausible.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mediafile import (
    ASFStorageStyle,
    FileTypeError,
    ListMediaField,
    ListStorageStyle,
    MediaField,
    MediaFile,
    MP3DescStorageStyle,
    MP3ListDescStorageStyle,
    MP3ListStorageStyle,
    MP3StorageStyle,
    MP4BoolStorageStyle,
    MP4ListStorageStyle,
    MP4StorageStyle,
    StorageStyle,
    UnreadableFileError,
    mutagen_call,
)
from mutagen import MutagenError
from mutagen.aac import AAC
from mutagen.apev2 import APEv2, APEv2File
from mutagen.id3 import ID3
from mutagen.mp3 import MP3
from mutagen.oggflac import OggFLAC
from mutagen.oggvorbis import OggVorbis

from wkmp_orm.audio.formats import Sound, id3_size, sound_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import BufferedReader

LARGEST_PIECE: Final = 64 << 20
"""The most bytes of a tag that are read into memory at once. A file may claim any size; pictures of
20 MB exist."""

_ALIEN: Final = {"caf": "caf", "mka": "mka", "rf64": "wav", "w64": "w64", "webm": "webm"}
"""Formats that mutagen does not support and takes for damaged ones, with our names of them."""
_OUR_NAME: Final = {"aac": "m4a", "alac": "m4a", "asf": "wma"}
_UNKNOWN: Final = Sound(None, None, None, ())
_NEWER_THAN_ID3V1: Final = (2, 0)


@dataclass(frozen=True, slots=True)
class Reading:
    """The result: the format, the sound's properties, and sources of fields, the best one first.

    `damage` says what could not be read; None if nothing is damaged.
    """

    format: str | None
    sound: Sound
    fields: tuple[Fields, ...]
    damage: str | None


class Fields(MediaFile):  # type: ignore[misc]
    """mediafile's fields, and others: all values of two fields; the date, and a flag, as text."""

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
    comp = MediaField(
        MP3StorageStyle("TCMP"),
        MP3DescStorageStyle("COMPILATION"),
        MP4BoolStorageStyle("cpil"),
        StorageStyle("COMPILATION"),
        StorageStyle("ITUNESCOMPILATION"),
        ASFStorageStyle("WM/IsCompilation", as_type=bool),
    )
    date_text = MediaField(
        MP3StorageStyle("TDRC"),
        MP4StorageStyle("\xa9day"),
        StorageStyle("DATE"),
        StorageStyle("YEAR"),
        ASFStorageStyle("WM/Year"),
    )

    @classmethod
    def of_tags(cls, holder: type[Any], tags: Any) -> Fields:
        """Return the fields of separately read tags, as if they belonged to a `holder` file."""
        fields: Fields = cls.__new__(cls)
        fields.mgfile = object.__new__(holder)  # its constructor would read a file
        fields.mgfile.tags = tags
        return fields


class _Bounded:
    """A file object for mutagen that refuses reads larger than any real tag.

    `name` is the file name that mutagen sees.
    """

    def __init__(self, file: BufferedReader, name: str) -> None:
        self.name = name
        self.seek = file.seek
        self.tell = file.tell
        self._file = file

    def read(self, size: int = -1) -> bytes:
        most = LARGEST_PIECE + 1
        content = self._file.read(min(size, most) if size >= 0 else most)
        if len(content) > LARGEST_PIECE:
            raise MutagenError(f"a tag of more than {LARGEST_PIECE >> 20} MB")
        return content


def read_fields(file: BufferedReader, announced: str | None) -> Reading:
    """Read the tags of a file; `announced` is the format by its first bytes.

    The file's content never raises an error, but OSError is raised if it cannot be read.
    """
    if announced in _ALIEN:
        return Reading(_ALIEN[announced], _UNKNOWN, (), None)
    # mutagen also considers the name, and takes FLAC named .mp3 for damaged MP3.
    name = str(file.name) if announced is None else f"sound.{announced}"
    bounded = _Bounded(file, name)
    try:
        name, info, fields = _whole(bounded, announced)
    except (FileTypeError, UnreadableFileError) as error:
        damage = None
        if announced is not None and not isinstance(error, FileTypeError):
            details = f": {error.message[:200]}" if error.message else ""
            damage = f"damaged or incomplete {announced} file{details}"
        return Reading(announced, _UNKNOWN, _beside(bounded, announced, None), damage)
    sound = sound_of(info, name, file.seek(0, io.SEEK_END))
    return Reading(name, sound, _beside(bounded, name, fields), None)


def _whole(file: _Bounded, announced: str | None) -> tuple[str, Any, Fields | None]:
    """Return the format's name, mutagen's data on the sound, and the format's own tags."""
    file.seek(0)
    if announced == "aac":
        return announced, mutagen_call("open", announced, AAC, file).info, None
    if announced == "oga":
        read = mutagen_call("open", announced, OggFLAC, file)
        # mediafile does not know this class, but it reads the comments as OggVorbis.
        return announced, read.info, Fields.of_tags(OggVorbis, read.tags)
    fields = Fields(file)
    their_name: str = fields.type
    return _OUR_NAME.get(their_name, their_name), fields.mgfile.info, fields


def _beside(file: _Bounded, name: str | None, fields: Fields | None) -> tuple[Fields, ...]:
    """Return the fields, plus those of tags before or after the sound.

    These are an ID3 tag, if the format's own tags are missing or unreadable, and an APEv2 tag of
    MP3.
    """
    found = [] if fields is None else [fields]
    if fields is None and (id3 := _by_itself(file, _id3)) is not None:
        found.append(Fields.of_tags(MP3, id3))
    if name in ("mp3", None) and (ape := _by_itself(file, APEv2)) is not None:
        # An ID3v1 tag comes last, because it truncates every text to 30 characters.
        is_best = not (found and _version(found[0]) >= _NEWER_THAN_ID3V1)
        found.insert(0 if is_best else len(found), Fields.of_tags(APEv2File, ape))
    return tuple(found)


def _version(fields: Fields) -> tuple[int, ...]:
    return tuple(getattr(fields.mgfile.tags, "version", ()))


def _by_itself(file: _Bounded, read: Callable[[Any], Any]) -> Any:
    """Return a tag; None if it is missing or unreadable."""
    file.seek(0)
    try:
        return mutagen_call("open", "tag", read, file)
    except UnreadableFileError:
        return None


def _id3(file: _Bounded) -> Any:
    """Return the ID3 tag of a file, also if its size is stored with eight bits in each byte."""
    read: Any = ID3  # without annotations
    head = file.read(10)
    file.seek(0)
    if not head.startswith(b"ID3") or max(head[6:], default=0) <= 0x7F:
        return read(file)
    content = file.read(10 + id3_size(head))
    size = len(content) - 10
    repaired = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    return read(io.BytesIO(content[:6] + repaired + content[10:]), load_v1=False)
