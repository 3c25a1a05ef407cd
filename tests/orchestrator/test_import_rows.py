"""What a first import writes of files that beets has tagged, row by row and link by link."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from tests.support.imports import sessions, statuses, table
from tests.support.sound import make_sound, mbid, musicbrainz_tags, tag_sound
from wkmp_orm import Album, Artist, File, Library, Passage, Song, Work
from wkmp_orm.audio import sha256_of
from wkmp_orm.models import (
    FileStatus,
    ImportProvenance,
    PassageAlbum,
    PassageSong,
    PassageStatus,
    SessionState,
    SongArtist,
    SongStatus,
    SongWork,
    SourceType,
)
from wkmp_orm.orchestrator import import_folder
from wkmp_orm.ticks import TICKS_PER_SECOND

if TYPE_CHECKING:
    from pathlib import Path

FORMATS = (".flac", ".mp3", ".m4a", ".ogg", ".opus", ".wma")


@pytest.mark.smoke
@pytest.mark.parametrize("suffix", FORMATS)
def test_a_tagged_file_becomes_all_its_rows(
    sqlite_database: object, music: Path, suffix: str
) -> None:
    song = make_sound(music / f"song{suffix}", seconds=2)
    tag_sound(song, **musicbrainz_tags(1))
    with Library.open(music / "wkmp.db") as library:
        summary = import_folder(library)
        assert summary.failures == ()
        assert summary.counts.imported == summary.counts.identified == 1
        assert table(library, Song, "recording_mbid", "title", "artist_name", "status") == [
            (mbid(1_000_001), "Title 1", "Artist 1", SongStatus.FLAVORING_FAILED)
        ]
        assert table(library, Artist, "artist_mbid", "name") == [(mbid(5_000_001), "Artist 1")]
        assert table(library, Album, "album_mbid", "title") == [(mbid(3_000_000), "Album 0")]
        assert table(library, Work, "work_mbid", "title") == [(mbid(6_000_001), "Title 1")]


def test_the_row_of_a_file_says_what_the_file_says(library: Library, music: Path) -> None:
    (music / "Nina Simone").mkdir()
    song = make_sound(music / "Nina Simone" / "Sinnerman.flac", seconds=2)
    tag_sound(song, **musicbrainz_tags(12))
    import_folder(library)
    with library.reader() as session:
        file = session.scalars(sa.select(File)).one()
    status = song.stat()
    microseconds = status.st_mtime_ns // 1000
    assert file.path == "Nina Simone/Sinnerman.flac"
    assert file.hash == sha256_of(song)
    assert file.status is FileStatus.INGEST_COMPLETE
    assert file.file_size_bytes == status.st_size
    assert file.modification_time == datetime.fromtimestamp(microseconds // 10**6, UTC).replace(
        microsecond=microseconds % 10**6
    )
    assert (file.title, file.artist, file.album) == ("Title 12", "Artist 12", "Album 1")
    assert (file.track_number, file.year) == (3, 1966)
    assert (file.format, file.sample_rate, file.channels) == ("flac", 44_100, 2)
    assert file.duration_ticks == 2 * TICKS_PER_SECOND
    assert file.matching_hashes in (None, [])


def test_a_file_is_one_passage_that_is_linked_to_everything(library: Library, music: Path) -> None:
    song = make_sound(music / "song.flac", seconds=2)
    tag_sound(song, **musicbrainz_tags(7, artists=3, works=2))
    summary = import_folder(library)
    with library.reader() as session:
        passage = session.scalars(
            sa.select(Passage).options(
                selectinload(Passage.songs)
                .selectinload(PassageSong.song)
                .selectinload(Song.artists)
                .selectinload(SongArtist.artist),
                selectinload(Passage.songs).selectinload(PassageSong.song).selectinload(Song.works),
                selectinload(Passage.albums),
                selectinload(Passage.provenance),
            )
        ).one()
    end = 2 * TICKS_PER_SECOND
    assert (passage.start_time_ticks, passage.end_time_ticks) == (0, end)
    assert passage.status is PassageStatus.INGEST_COMPLETE
    assert (passage.title, passage.album) == ("Title 7", "Album 0")
    assert passage.recording_mbid == mbid(1_000_007)
    assert passage.import_metadata is not None
    assert passage.import_metadata["release_group_mbid"] == mbid(4_000_000)
    assert passage.import_metadata["amplitude_analysis"]["quick_ramp_up"] is True
    assert (passage.lead_in_start_ticks, passage.lead_out_start_ticks) == (0, end)
    assert (passage.mbid_source, passage.identity_confidence) == ("tags", 1.0)
    assert passage.import_session_id == summary.session_id
    assert [album.album_mbid for album in passage.albums] == [mbid(3_000_000)]
    (link,) = passage.songs
    assert (link.start_time_ticks, link.end_time_ticks) == (0, end)
    assert passage.song_id == link.song_id
    credits_ = {each.artist.artist_mbid: each.weight for each in link.song.artists}
    assert credits_ == pytest.approx({mbid(5_000_007 + extra): 1 / 3 for extra in range(3)})
    works = sorted(work.work_mbid for work in link.song.works)
    assert works == sorted([mbid(6_000_007), mbid(6_000_008)])
    (provenance,) = passage.provenance
    assert provenance.source_type is SourceType.METADATA_EXTRACTOR
    assert provenance.data_extracted == {
        "has_metadata": True,
        "has_identity": True,
        "has_flavor": False,
    }
    assert provenance.confidence is None


def test_songs_of_one_album_share_it_and_their_artist(library: Library, music: Path) -> None:
    for number in range(4):
        tags = musicbrainz_tags(number) | {
            "mb_artistids": [mbid(9)],
            "artists": ["The Band"],
            "artist": "The Band",
        }
        tag_sound(make_sound(music / f"{number}.flac", frequency=300 + number), **tags)
    import_folder(library, workers=4)
    assert len(table(library, Song, "guid")) == 4
    assert table(library, Artist, "artist_mbid", "name") == [(mbid(9), "The Band")]
    assert len(table(library, Album, "guid")) == 1
    assert len(table(library, PassageAlbum, "passage_id")) == 4
    assert len(table(library, SongArtist, "song_id")) == 4
    assert len(table(library, SongWork, "song_id")) == 4


def test_a_file_without_a_recording_id_is_a_passage_without_a_song(
    library: Library, music: Path
) -> None:
    song = make_sound(music / "demo.flac")
    tag_sound(song, title="Demo", artist="Somebody", album="Tapes", track=4)
    summary = import_folder(library)
    assert (summary.counts.imported, summary.counts.identified) == (1, 0)
    assert table(library, Song, "guid") == []
    assert table(library, Passage, "title", "artist", "album", "song_id", "status") == [
        ("Demo", "Somebody", "Tapes", None, PassageStatus.INGEST_COMPLETE)
    ]
    assert table(library, Artist, "artist_mbid", "name") == [("name:somebody", "Somebody")]
    assert table(library, Album, "album_mbid", "title") == [("title:somebody/tapes", "Tapes")]
    assert len(table(library, PassageAlbum, "passage_id")) == 1
    assert table(library, ImportProvenance, "data_extracted") == [
        ({"has_metadata": True, "has_identity": False, "has_flavor": False},)
    ]


def test_a_file_without_any_tag_is_imported_all_the_same(library: Library, music: Path) -> None:
    make_sound(music / "track01.wav")
    import_folder(library)
    assert statuses(library) == {"track01.wav": "INGEST COMPLETE"}
    assert table(library, Passage, "title", "artist", "album") == [(None, None, None)]
    assert table(library, Artist, "guid") == table(library, Album, "guid") == []


def test_two_albums_of_one_title_by_different_artists_stay_two(
    library: Library, music: Path
) -> None:
    for number, artist in enumerate(["Queen", "ABBA"]):
        song = make_sound(music / f"{number}.flac", frequency=300 + number)
        tag_sound(song, title="A", artist=artist, album="Greatest Hits")
    import_folder(library)
    assert table(library, Album, "album_mbid", "title") == [
        ("title:abba/greatest hits", "Greatest Hits"),
        ("title:queen/greatest hits", "Greatest Hits"),
    ]


def test_equal_files_are_one_original_and_its_duplicates(library: Library, music: Path) -> None:
    song = tag_sound(make_sound(music / "a.flac"), **musicbrainz_tags(1))
    (music / "copy").mkdir()
    (music / "copy" / "b.flac").write_bytes(song.read_bytes())
    summary = import_folder(library)
    assert (summary.counts.imported, summary.counts.duplicates) == (1, 1)
    assert sorted(statuses(library).values()) == ["DUPLICATE HASH", "INGEST COMPLETE"]
    assert len(table(library, Passage, "guid")) == 1
    guids = {guid for (guid,) in table(library, File, "guid")}
    matching = table(library, File, "guid", "matching_hashes")
    assert all(set(others) == guids - {guid} for guid, others in matching)


def test_the_session_tells_of_the_import(library: Library, music: Path) -> None:
    make_sound(music / "good.flac")
    (music / "bad.mp3").write_text("no sound")
    summary = import_folder(library, workers=3)
    (session,) = sessions(library)
    assert session.session_id == summary.session_id
    assert session.state is SessionState.COMPLETED
    assert session.root_folder == str(music)
    assert session.parameters["parallelism"] == 3
    assert ".flac" in session.parameters["file_extensions"]
    assert (session.progress_current, session.progress_total) == (2, 2)
    assert session.progress_percentage == 100.0
    assert session.current_operation == "1 imported, 0 duplicates, 0 without sound, 1 failed"
    (error,) = session.errors
    assert datetime.fromisoformat(error.pop("occurred_at")).tzinfo is not None
    assert error == {
        "file_path": "bad.mp3",
        "error_code": "SEGMENTATION",
        "error_message": "not a sound file: no sound was found in it",
        "severity": "SKIP",
    }
    assert session.ended_at is not None
    assert session.ended_at >= session.started_at
