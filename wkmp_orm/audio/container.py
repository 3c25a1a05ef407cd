"""Reads a sound file's format and tags from its container, with FFmpeg.

This is for files that the tag library cannot read: unsupported tags (LIST/INFO in WAV, Matroska),
and files whose tags or beginning are damaged.

FFmpeg is a large C program that parses untrusted bytes. So an import runs this module in a decoder
process: if a file crashes it, only that file fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import av

from wkmp_orm.audio.decoding import _OPTIONS, _TAKE_ANY_TAG
from wkmp_orm.audio.opening import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from av.container import InputContainer

LONGEST_VALUE: Final = 10_000
"""The limit of a value, in characters. The rest never leaves the decoder."""

_KEYS: Final[Mapping[str, str]] = {
    "title": "title",
    "artist": "artist_values",
    "artists": "artists",
    "album": "album",
    "albumartist": "albumartist",
    "track": "track",
    "tracknumber": "track",
    "date": "date_text",
    "year": "date_text",
    "daterecorded": "date_text",
    "datereleased": "date_text",
    "compilation": "comp",
    "musicbrainztrackid": "mb_trackid",
    "musicbrainzrecordingid": "mb_trackid",
    "musicbrainzalbumid": "mb_albumid",
    "musicbrainzreleasegroupid": "mb_releasegroupid",
    "musicbrainzartistid": "mb_artistids",
    "musicbrainzalbumartistid": "mb_albumartistids",
    "musicbrainzworkid": "mb_workids",
}
"""Our field names by FFmpeg's, which may be a format's own: in lower case, and without the
characters that formats put between the words. If two match, the first has precedence."""

_FORMATS: Final = {"mov": "m4a", "matroska": "mka", "asf": "wma", "mpc8": "mpc"}
"""Our names of formats, by the first of FFmpeg's names; other formats keep FFmpeg's name."""
_OGG_FORMATS: Final = {"flac": "oga", "opus": "opus"}
_HAVE_LISTS: Final = ("flac", "ogg", "oga", "opus")
"""Formats with lists of values, which FFmpeg joins with semicolons."""
_LISTS: Final = ("artist_values", "artists")

# Do not probe the sound itself. To see whether the samples of a WAV file are really a film's sound,
# FFmpeg would take 45 ms, 25 times as long as all the rest.
_GLANCE: Final = {**_OPTIONS, "analyzeduration": "1", "max_probe_packets": "1"}
# Keep bytes that are not UTF-8 instead of replacing them by question marks.
_KEEP_ANY_BYTE: Final[dict[str, Any]] = (
    {"metadata_errors": "surrogateescape"} if _TAKE_ANY_TAG else {}
)


@dataclass(frozen=True, slots=True)
class Container:
    """The data of a container. `format` is None if FFmpeg does not recognise it.

    `values` contains texts by the names of the tag reader's fields. `has_sound` is true if there is
    a stream of sound.
    """

    format: str | None = None
    has_sound: bool = False
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read_container(path: Path, *, cancelled: Callable[[], bool] = bool) -> Container:
    """Read a sound file's container; its content decides, not its name.

    FFmpeg reads only as much as it needs to find the streams, so `cancelled` (which every decoder
    job has) is not called. Raises SoundFileError if the file cannot be read. An unknown format is
    not an error. Any thread may call it.
    """
    del cancelled
    with (
        opened(path) as file,
        suppress(av.FFmpegError),
        av.open(file, mode="r", options=_GLANCE, **_KEEP_ANY_BYTE) as container,
    ):
        return _described(container)
    return Container()


def _described(container: InputContainer) -> Container:
    stream = container.streams.best("audio")
    name = container.format.name.split(",")[0]
    name = _FORMATS.get(name, name)
    if stream is not None and name == "ogg":
        name = _OGG_FORMATS.get(stream.codec_context.name, name)
    said = [container.metadata] if stream is None else [container.metadata, stream.metadata]
    return Container(name, stream is not None, _values(said, has_lists=name in _HAVE_LISTS))


def _values(said: Iterable[Mapping[str, str]], *, has_lists: bool) -> Mapping[str, tuple[str, ...]]:
    """Return the values of the known fields, those of the whole file before those of streams."""
    found: dict[str, str] = {}
    for metadata in said:
        plain = {_plain(key): value for key, value in metadata.items()}
        for key, name in _KEYS.items():
            if name not in found and plain.get(key, "").strip():
                found[name] = _decoded(plain[key])[:LONGEST_VALUE]
    return {
        name: tuple(text.split(";")) if has_lists and name in _LISTS else (text,)
        for name, text in found.items()
    }


def _plain(key: str) -> str:
    return "".join(filter(str.isalnum, key)).casefold()


def _decoded(text: str) -> str:
    """Decode a text that is not UTF-8 as Windows-1252, the encoding of most such texts."""
    if text.isascii() or not any("\udc80" <= character <= "\udcff" for character in text):
        return text
    return text.encode("utf-8", "surrogateescape").decode("cp1252", "replace")
