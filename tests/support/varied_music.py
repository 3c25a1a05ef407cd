"""A folder of music with everything in it that an import must cope with, small and always the same.

Knows sound files; must not know the package that is being tested.
"""

from __future__ import annotations

import json
import shutil
from datetime import date
from typing import TYPE_CHECKING, Final

from tests.support.sound import (
    make_rip,
    make_sound,
    mbid,
    musicbrainz_tags,
    repeat_vorbis_headers,
    tag_sound,
)

if TYPE_CHECKING:
    from pathlib import Path

BECOMES: Final = {
    "INGEST COMPLETE": 17,
    "DUPLICATE HASH": 5,
    "NO AUDIO": 2,
    "PENDING": 4,
}
"""How many files there are of each status after an import; those that fail stay PENDING."""
FAILS: Final = ("broken/cut.flac", "broken/empty.mp3", "broken/text.mp3", "broken/zeros.ogg")
PASSAGES: Final = 17 + 2 + 1
"""One a file, but three in one rip and two in the other."""


def make_varied_music(folder: Path) -> None:
    """Fill an empty folder: songs of five formats, rips, copies, silence and broken files."""
    for name in ("album", "rips", "copies", "broken"):
        (folder / name).mkdir()
    _album(folder / "album")
    _rips(folder / "rips")
    _copies(folder / "album", folder / "copies")
    _broken(folder / "broken")


def make_documents(folder: Path) -> Path:
    """Make AcousticBrainz documents of every other song."""
    folder.mkdir()
    for number in range(0, 12, 2):
        document = {"rhythm": {"bpm": 90.0 + number}, "lowlevel": {"dynamic_complexity": 3.5}}
        (folder / f"{mbid(1_000_000 + number)}.json").write_text(json.dumps(document))
    return folder


def _album(folder: Path) -> None:
    suffixes = (".flac", ".mp3", ".m4a", ".ogg", ".opus")
    for number in range(10):
        path = make_sound(
            folder / f"{number}{suffixes[number % 5]}", seconds=1, frequency=300 + 10 * number
        )
        # What files say of shared rows must agree, because what the first one says stays.
        tags = musicbrainz_tags(number, artists=1 + number % 3) | {"albumartist": "Artist 0"}
        tag_sound(path, **tags | {"date": date(1965, 3, 1)})
    # The same artist and album without any id: they must end as the same rows.
    path = make_sound(folder / "no ids.flac", seconds=1, frequency=999)
    tag_sound(path, title="Other", artist="Artist 3", album="Album 0", albumartist="Artist 0")
    make_sound(folder / "untagged.wav", seconds=1, frequency=1_111)
    path = make_sound(folder / "twice the headers.ogg", seconds=1, frequency=1_222)
    repeat_vorbis_headers(path)


def _rips(folder: Path) -> None:
    make_rip(
        folder / "side one.flac",
        [("tone", 1.5), ("silence", 1.0), ("noise", 1.0), ("silence", 0.5), ("tone", 2.0)],
    )
    tag_sound(folder / "side one.flac", title="Side One", artist="Artist 1", album="Album 9")
    make_rip(folder / "side two.mp3", [("noise", 1.5), ("silence", 1.5), ("tone", 1.0)])
    make_sound(folder / "silence.flac", wave="silence", seconds=2)
    make_sound(folder / "blip.wav", seconds=0.05)


def _copies(album: Path, folder: Path) -> None:
    for number in range(4):
        shutil.copyfile(album / "0.flac", folder / f"copy {number}.flac")
    shutil.copyfile(album / "1.mp3", folder / "another copy.mp3")
    # Equal sound under other tags is another file of the same song.
    tag_sound(shutil.copyfile(album / "2.m4a", folder / "tagged.m4a"), track=77)
    tag_sound(shutil.copyfile(album / "3.ogg", folder / "tagged.ogg"), mb_albumid=None)


def _broken(folder: Path) -> None:
    (folder / "text.mp3").write_text("Dear diary, today I renamed you.\n" * 50)
    (folder / "empty.mp3").touch()
    (folder / "zeros.ogg").write_bytes(bytes(5_000))
    whole = make_sound(folder / "cut.flac", seconds=1, frequency=1_333).read_bytes()
    (folder / "cut.flac").write_bytes(whole[:30])
