"""What is known of files that the tag library cannot read: from their containers, and by parts."""

from __future__ import annotations

import struct
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from tests.support.odd_sounds import (
    ODD_SOUNDS,
    RECORDING,
    Odd,
    encoded,
    flac_in_ogg,
    m4a_with_damaged_tags,
    matroska,
    mp3_with_ape_alone,
    wav_with_info,
    wma_of_ffmpeg,
)
from tests.support.sound import make_sound, tag_sound
from wkmp_orm.audio import ArtistCredit, read_tags
from wkmp_orm.audio.container import LONGEST_VALUE, Container, read_container
from wkmp_orm.audio.tag_fields import LARGEST_PIECE
from wkmp_orm.audio.tags import LONGEST_TEXT
from wkmp_orm.errors import SoundFileError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize("make", ODD_SOUNDS, ids=lambda make: make.__name__)
def test_tags_are_read_wherever_they_are(tmp_path: Path, make: Callable[[Path], Odd]) -> None:
    odd = make(tmp_path)
    tags = read_tags(odd.path)
    assert (tags.format, tags.title) == (odd.format, odd.title)
    assert bool(tags.tag_warnings) is odd.warned
    assert tags.damage is None or tags.damage.startswith("damaged or incomplete")
    if odd.title == "Sinnerman" and odd.path.name != "realjukebox.mp3":
        assert tags.artists == (ArtistCredit("Nina"),)


@pytest.mark.parametrize("make", [mp3_with_ape_alone, matroska], ids=["APEv2", "Matroska"])
def test_ids_are_read_wherever_they_are(tmp_path: Path, make: Callable[[Path], Odd]) -> None:
    assert read_tags(make(tmp_path).path).recording_mbid == RECORDING


def test_the_artist_that_ffmpeg_writes_twice_is_one(tmp_path: Path) -> None:
    assert read_tags(wma_of_ffmpeg(tmp_path).path).artist == "Nina"


def test_several_artists_of_ogg_are_several_also_as_the_container_joins_them(
    tmp_path: Path,
) -> None:
    odd = flac_in_ogg(tmp_path)
    container = read_container(odd.path)
    assert container.values["artist_values"] == ("Nina",)
    path = encoded(tmp_path / "two.ogg", "oga", "flac", said={"artist": "Anna;Bert"})
    assert read_container(path).values["artist_values"] == ("Anna", "Bert")


def test_what_the_tag_library_knows_is_believed_and_the_container_adds_to_it(
    tmp_path: Path,
) -> None:
    odd = wav_with_info(tmp_path)
    tag_sound(odd.path, title="Sinnerman (1965)")
    tags = read_tags(odd.path)
    assert (tags.title, tags.artist, tags.album) == ("Sinnerman (1965)", "Nina", "Pastel Blues")


def test_a_file_whose_tags_are_known_costs_no_look_at_its_container(tmp_path: Path) -> None:
    def ask(_: Path) -> Container:
        pytest.fail("it was asked")

    flac = tag_sound(make_sound(tmp_path / "a.flac"), title="T")
    wav = tag_sound(make_sound(tmp_path / "a.wav"), title="T", artist="A", album="B")
    assert [read_tags(path, ask_container=ask).title for path in (flac, wav)] == ["T", "T"]


def test_a_container_that_crashes_whoever_reads_it_is_no_reason_to_give_up(tmp_path: Path) -> None:
    def ask(_: Path) -> Container:
        raise SoundFileError("its decoding crashed (SIGSEGV)")

    tags = read_tags(m4a_with_damaged_tags(tmp_path).path, ask_container=ask)
    assert (tags.format, tags.title) == ("m4a", None)


def test_a_text_of_any_size_leaves_the_container_cut_off(tmp_path: Path) -> None:
    path = encoded(tmp_path / "a.mka", "matroska", "flac", said={"title": "x" * 300_000})
    assert len(read_container(path).values["title"][0]) == LONGEST_VALUE
    tags = read_tags(path)
    assert tags.title == "x" * LONGEST_TEXT
    assert tags.tag_warnings == (f"title of {LONGEST_VALUE} characters is cut off",)


@pytest.mark.parametrize("where", ["before", "behind"])
def test_a_tag_that_is_larger_than_any_is_not_read_into_memory(tmp_path: Path, where: str) -> None:
    claimed = 250 << 20
    path = tmp_path / "huge.mp3"
    with path.open("wb") as file:  # a file with a hole: it takes no room on the disk
        if where == "before":
            file.write(b"ID3\x04\0\0" + bytes(claimed >> shift & 0x7F for shift in (21, 14, 7, 0)))
        else:
            file.write(encoded(tmp_path / "song.mp3", "mp3", "libmp3lame").read_bytes())
        file.seek(claimed + 100_000)
        file.write(b"APETAGEX" + struct.pack("<IIII8x", 2_000, claimed, 1, 1 << 31))
    tracemalloc.start()
    try:
        tags = read_tags(path, ask_container=lambda _: Container())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert tags.title is None
    assert peak < 3 * LARGEST_PIECE < claimed


def test_no_file_that_a_file_names_is_opened(tmp_path: Path) -> None:
    wav_with_info(tmp_path)
    for name, content in {
        "list.mp3": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\ninfo.wav\n#EXT-X-ENDLIST\n",
        "concat.mp3": "ffconcat version 1.0\nfile info.wav\n",
    }.items():
        (tmp_path / name).write_text(content)
        assert read_container(tmp_path / name) == Container()
