"""What read_tags says of sound files that were made and tagged here, in every format."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mutagen.asf
import mutagen.flac
import mutagen.id3
import mutagen.mp4
import pytest

from tests.support.sound import FORMATS, make_sound, mbid, musicbrainz_tags, tag_sound
from wkmp_orm.audio import ArtistCredit, Tags, read_tags
from wkmp_orm.audio.tags import LONGEST_TEXT

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT = Path(__file__).parents[2]
# mutagen's classes have no annotations.
asf: Any = mutagen.asf
flac: Any = mutagen.flac
id3: Any = mutagen.id3
mp4: Any = mutagen.mp4
any_file: Any = mutagen.File

UNTAGGED = (".aac", ".oga")
TAGGED = sorted(FORMATS.keys() - set(UNTAGGED))

RECORDING, RELEASE, GROUP, TRACK = mbid(1), mbid(2), mbid(3), mbid(4)
ANNA, BERT, WORK, OTHER_WORK = mbid(5), mbid(6), mbid(7), mbid(8)


@pytest.mark.smoke
@pytest.mark.parametrize("suffix", TAGGED)
def test_everything_that_a_tagger_writes_comes_back(tmp_path: Path, suffix: str) -> None:
    written = musicbrainz_tags(17, artists=2, works=2)
    tags = read_tags(tag_sound(make_sound(tmp_path / f"song{suffix}"), **written))

    assert tags.title == "Title 17"
    assert tags.artist == "Artist 17 & Artist 18"
    assert tags.artists == (
        ArtistCredit("Artist 17", written["mb_artistids"][0]),
        ArtistCredit("Artist 18", written["mb_artistids"][1]),
    )
    assert tags.album == "Album 1"
    assert tags.album_artist == "Artist 17"
    assert tags.album_artist_mbids == tuple(written["mb_albumartistids"])
    assert tags.track_number == 8
    assert (tags.release_date, tags.year) == ("1966-03-08", 1966)
    assert tags.recording_mbid == written["mb_trackid"]
    assert tags.album_mbid == written["mb_albumid"]
    assert tags.release_group_mbid == written["mb_releasegroupid"]
    assert tags.work_mbids == tuple(written["mb_workids"])
    assert tags.format == suffix[1:]
    assert tags.channels == 2
    assert tags.sample_rate == (48_000 if suffix == ".opus" else 44_100)
    assert tags.warnings == ()


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_what_a_file_without_tags_does_not_say_is_unknown(tmp_path: Path, suffix: str) -> None:
    tags = read_tags(make_sound(tmp_path / f"song{suffix}"))
    bare = Tags(
        format=suffix[1:],
        duration_ticks=tags.duration_ticks,
        sample_rate=48_000 if suffix == ".opus" else 44_100,
        channels=2,
    )
    assert tags == bare


def _raw_id3(path: Path) -> None:
    frames = id3.ID3()
    frames.add(id3.UFID(owner="http://musicbrainz.org", data=RECORDING.encode()))
    for description, values in {
        "MusicBrainz Release Track Id": [TRACK],
        "MusicBrainz Album Id": [RELEASE],
        "MusicBrainz Release Group Id": [GROUP],
        "MusicBrainz Artist Id": [ANNA, BERT],
        "MusicBrainz Album Artist Id": [ANNA],
        "MusicBrainz Work Id": [WORK, OTHER_WORK],
        "ARTISTS": ["Anna", "Bert"],
    }.items():
        frames.add(id3.TXXX(encoding=3, desc=description, text=values))
    frames.save(path)


def _raw_vorbis(path: Path) -> None:
    file = any_file(path)
    if file.tags is None:
        file.add_tags()
    for key, values in {
        "musicbrainz_trackid": [RECORDING],
        "musicbrainz_releasetrackid": [TRACK],
        "musicbrainz_albumid": [RELEASE],
        "musicbrainz_releasegroupid": [GROUP],
        "musicbrainz_artistid": [ANNA, BERT],
        "musicbrainz_albumartistid": [ANNA],
        "musicbrainz_workid": [WORK, OTHER_WORK],
        "artists": ["Anna", "Bert"],
    }.items():
        file[key] = values
    file.save()


def _raw_mp4(path: Path) -> None:
    file = mp4.MP4(path)
    for name, values in {
        "MusicBrainz Track Id": [RECORDING],
        "MusicBrainz Release Track Id": [TRACK],
        "MusicBrainz Album Id": [RELEASE],
        "MusicBrainz Release Group Id": [GROUP],
        "MusicBrainz Artist Id": [ANNA, BERT],
        "MusicBrainz Album Artist Id": [ANNA],
        "MusicBrainz Work Id": [WORK, OTHER_WORK],
        "ARTISTS": ["Anna", "Bert"],
    }.items():
        file[f"----:com.apple.iTunes:{name}"] = [value.encode() for value in values]
    file.save()


def _raw_asf(path: Path) -> None:
    file = asf.ASF(path)
    for key, values in {
        "MusicBrainz/Track Id": [RECORDING],
        "MusicBrainz/Release Track Id": [TRACK],
        "MusicBrainz/Album Id": [RELEASE],
        "MusicBrainz/Release Group Id": [GROUP],
        "MusicBrainz/Artist Id": [ANNA, BERT],
        "MusicBrainz/Album Artist Id": [ANNA],
        "MusicBrainz/Work Id": [WORK, OTHER_WORK],
        "WM/ARTISTS": ["Anna", "Bert"],
    }.items():
        file[key] = values
    file.save()


@pytest.mark.parametrize(
    ("suffix", "write"),
    [
        pytest.param(".mp3", _raw_id3, id="ID3: UFID and TXXX"),
        pytest.param(".flac", _raw_vorbis, id="Vorbis comment in FLAC"),
        pytest.param(".ogg", _raw_vorbis, id="Vorbis comment in Vorbis"),
        pytest.param(".opus", _raw_vorbis, id="Vorbis comment in Opus"),
        pytest.param(".wv", _raw_vorbis, id="APEv2"),
        pytest.param(".m4a", _raw_mp4, id="MP4 freeform"),
        pytest.param(".wma", _raw_asf, id="ASF"),
    ],
)
def test_the_ids_are_found_under_the_keys_that_picard_gives_them(
    tmp_path: Path, suffix: str, write: Callable[[Path], None]
) -> None:
    path = make_sound(tmp_path / f"song{suffix}")
    write(path)
    tags = read_tags(path)
    assert tags.recording_mbid == RECORDING
    assert tags.album_mbid == RELEASE
    assert tags.release_group_mbid == GROUP
    assert tags.artists == (ArtistCredit("Anna", ANNA), ArtistCredit("Bert", BERT))
    assert tags.album_artist_mbids == (ANNA,)
    assert tags.work_mbids == (WORK, OTHER_WORK)


def _flac(tmp_path: Path, **comments: list[str]) -> Path:
    path = make_sound(tmp_path / "song.flac")
    file = flac.FLAC(path)
    for key, values in comments.items():
        file[key] = values
    file.save()
    return path


@pytest.mark.parametrize(
    ("comments", "artist", "artists", "warnings"),
    [
        pytest.param(
            {"artist": ["Anna"], "musicbrainz_artistid": [ANNA]},
            "Anna",
            (ArtistCredit("Anna", ANNA),),
            0,
            id="one name, one id",
        ),
        pytest.param(
            {"artist": ["Simon & Garfunkel"], "musicbrainz_artistid": [ANNA]},
            "Simon & Garfunkel",
            (ArtistCredit("Simon & Garfunkel", ANNA),),
            0,
            id="a duo with one id is one artist",
        ),
        pytest.param(
            {"artist": ["Anna feat. Bert"], "musicbrainz_artistid": [ANNA, BERT]},
            "Anna feat. Bert",
            (ArtistCredit("Anna", ANNA), ArtistCredit("Bert", BERT)),
            0,
            id="a printed credit is cut when the ids say into how many",
        ),
        pytest.param(
            {"artist": ["Earth, Wind & Fire x Bert"], "musicbrainz_artistid": [ANNA, BERT]},
            "Earth, Wind & Fire x Bert",
            (ArtistCredit("Earth, Wind & Fire x Bert"),),
            1,
            id="and is left alone when that does not come out",
        ),
        pytest.param(
            {"artist": ["Anna", "Bert"], "musicbrainz_artistid": [ANNA, BERT]},
            "Anna, Bert",
            (ArtistCredit("Anna", ANNA), ArtistCredit("Bert", BERT)),
            0,
            id="several ARTIST comments",
        ),
        pytest.param(
            {"artist": ["Anna & Bert"], "artists": ["Anna", "Bert"]},
            "Anna & Bert",
            (ArtistCredit("Anna"), ArtistCredit("Bert")),
            0,
            id="names without ids",
        ),
        pytest.param(
            {"artists": ["Anna", "Bert"], "musicbrainz_artistid": ["unknown", BERT]},
            None,
            (ArtistCredit("Anna"), ArtistCredit("Bert", BERT)),
            1,
            id="a bad id does not shift the next one",
        ),
        pytest.param(
            {"artists": ["Anna", "Bert"], "musicbrainz_artistid": [ANNA]},
            None,
            (ArtistCredit("Anna"), ArtistCredit("Bert")),
            1,
            id="one id for two names is nobody's",
        ),
        pytest.param(
            {"artists": ["Anna", "Anna"], "musicbrainz_artistid": [ANNA, ANNA]},
            None,
            (ArtistCredit("Anna", ANNA),),
            0,
            id="the same artist twice is one",
        ),
        pytest.param({"musicbrainz_artistid": [ANNA]}, None, (), 1, id="an id without any name"),
        pytest.param(
            {"artist": ["Anna", "ANNA ", "\ufeffAnna"], "musicbrainz_artistid": [ANNA]},
            "Anna",
            (ArtistCredit("Anna", ANNA),),
            0,
            id="a name that is there three times, in three spellings, is one",
        ),
        pytest.param(
            {"artist": ["Anna"], "musicbrainz_artistid": [f"{{{ANNA.upper()}}}", f"mbid:{ANNA}"]},
            "Anna",
            (ArtistCredit("Anna", ANNA),),
            0,
            id="an id that is there twice, in two spellings, is one",
        ),
    ],
)
def test_artists_and_their_ids_are_matched_or_left_unmatched(
    tmp_path: Path,
    comments: dict[str, list[str]],
    artist: str | None,
    artists: tuple[ArtistCredit, ...],
    warnings: int,
) -> None:
    tags = read_tags(_flac(tmp_path, **comments))
    assert tags.artist == artist
    assert tags.artists == artists
    assert len(tags.warnings) == warnings


def test_the_joined_ids_of_an_old_id3_tag_are_taken_apart(tmp_path: Path) -> None:
    path = make_sound(tmp_path / "song.mp3")
    frames = id3.ID3()
    frames.add(id3.TPE1(encoding=1, text="Anna & Bert"))
    for description, text in {
        "MusicBrainz Artist Id": f"{ANNA}/{BERT}",
        "MusicBrainz Work Id": f"{WORK}; {OTHER_WORK}",
    }.items():
        frames.add(id3.TXXX(encoding=1, desc=description, text=text))
    frames.save(path, v2_version=3)

    tags = read_tags(path)
    assert tags.artists == (ArtistCredit("Anna", ANNA), ArtistCredit("Bert", BERT))
    assert tags.work_mbids == (WORK, OTHER_WORK)


def test_an_id_that_is_none_is_reported_and_unknown(tmp_path: Path) -> None:
    tags = read_tags(
        _flac(
            tmp_path,
            musicbrainz_trackid=["12345"],
            musicbrainz_albumid=[RELEASE.upper()],
            musicbrainz_workid=["none", WORK],
        )
    )
    assert tags.recording_mbid is None
    assert tags.album_mbid == RELEASE
    assert tags.work_mbids == (WORK,)
    assert tags.warnings == (
        "mb_trackid '12345' is not a MusicBrainz id",
        "mb_workids 'none' is not a MusicBrainz id",
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [("7", 7), ("7/12", 7), ("0", None), ("-1", None), ("A1", None), ("65536", None), ("", None)],
)
def test_a_track_number_is_positive_or_unknown(
    tmp_path: Path, written: str, read: int | None
) -> None:
    assert read_tags(_flac(tmp_path, tracknumber=[written])).track_number == read


def test_a_tag_that_breaks_the_reader_costs_only_itself(tmp_path: Path) -> None:
    tags = read_tags(_flac(tmp_path, title=["Sinnerman"], tracknumber=["9" * 5_000]))
    assert (tags.title, tags.track_number) == ("Sinnerman", None)
    assert tags.warnings[0] == "track cannot be read"


def test_texts_are_fit_for_every_database(tmp_path: Path) -> None:
    tags = read_tags(
        _flac(tmp_path, title=["\x00 Sinner\x00man \n"], album=["  "], artist=["a" * 5_000])
    )
    assert (tags.title, tags.album) == ("Sinner man", None)
    assert tags.artist == "a" * LONGEST_TEXT
    assert "artist_values of 5000 characters is cut off" in tags.warnings


def test_a_year_tag_does_where_there_is_no_date(tmp_path: Path) -> None:
    tags = read_tags(_flac(tmp_path, year=["1965"]))
    assert (tags.release_date, tags.year) == ("1965", 1965)


def test_a_name_that_is_not_utf8_is_read(tmp_path: Path) -> None:
    path = make_sound(tmp_path / "song.mp3").rename(os.fsdecode(bytes(tmp_path) + b"/caf\xe9.mp3"))
    assert read_tags(path).format == "mp3"


def test_without_the_audio_extra_the_import_says_what_to_install() -> None:
    program = (
        "import sys\n"
        "sys.modules['mediafile'] = None\n"
        "from wkmp_orm.errors import ConfigurationError\n"
        "try:\n"
        "    import wkmp_orm.audio\n"
        "except ConfigurationError as error:\n"
        "    print(error)\n"
    )
    output = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=PROJECT
    ).stdout
    assert output == "mediafile is not installed. Run pip install 'wkmp_orm[audio]'\n"
