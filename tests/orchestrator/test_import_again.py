"""A second import changes nothing that has not changed, and all that has."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.imports import SESSION_TABLES, failures, music_dump, statuses, table, touch
from tests.support.recorder import StatementRecorder, recording
from tests.support.sound import make_sound, mbid, musicbrainz_tags, tag_sound
from wkmp_orm import Album, Artist, File, Library, Passage, Song
from wkmp_orm.orchestrator import ImportSummary, import_folder

if TYPE_CHECKING:
    from pathlib import Path


def make_album(folder: Path, songs: int = 4) -> list[Path]:
    folder.mkdir(exist_ok=True)
    return [
        tag_sound(
            make_sound(folder / f"{number}.flac", frequency=300 + number),
            **musicbrainz_tags(number, artists=2),
        )
        for number in range(songs)
    ]


def import_recorded(
    library: Library, folder: Path | None = None
) -> tuple[ImportSummary, StatementRecorder]:
    with recording(library._writer.engine, library._readers) as recorder:
        return import_folder(library, folder), recorder


def written_tables(recorder: StatementRecorder) -> set[str]:
    return {one.table for one in recorder.dml()} - SESSION_TABLES


def test_an_unchanged_folder_is_not_written_at_all(library: Library, music: Path) -> None:
    songs = make_album(music / "album")
    (music / "copy.flac").write_bytes(songs[0].read_bytes())
    make_sound(music / "untagged.wav", frequency=999)
    import_folder(library)
    before = music_dump(library)
    time.sleep(1.1)  # updated_at has seconds on SQLite: a rewritten row would show
    summary, recorder = import_recorded(library)
    assert summary.counts.unchanged == 6
    assert summary.counts.to_import == 0
    assert written_tables(recorder) == set()
    assert "import_failures" not in {one.table for one in recorder.dml()}
    assert music_dump(library) == before


def test_a_library_that_is_opened_anew_finds_it_unchanged_too(
    sqlite_database: object, music: Path
) -> None:
    make_album(music)
    with Library.open(music / "wkmp.db") as library:
        import_folder(library, music)
        before = music_dump(library)
    with Library.open(music / "wkmp.db") as library:
        summary, recorder = import_recorded(library, music)
        assert summary.counts.unchanged == 4
        assert written_tables(recorder) == set()
        assert music_dump(library) == before


def test_a_touched_file_is_imported_again_under_its_guid(library: Library, music: Path) -> None:
    songs = make_album(music)
    import_folder(library)
    tables = (File, Passage, Song, Artist, Album)
    guids = [table(library, model, "guid") for model in tables]
    touch(songs[0])
    summary = import_folder(library)
    assert (summary.counts.changed, summary.counts.imported, summary.counts.unchanged) == (1, 1, 3)
    assert [table(library, model, "guid") for model in tables] == guids
    assert import_folder(library).counts.unchanged == 4


def test_of_a_touched_file_nothing_but_the_file_is_written(library: Library, music: Path) -> None:
    songs = make_album(music)
    import_folder(library)
    before = music_dump(library)
    time.sleep(1.1)  # updated_at has seconds on SQLite: a rewritten row would show
    touch(songs[0])
    assert import_folder(library).counts.changed == 1
    after = music_dump(library)
    assert {name for name, rows in after.items() if rows != before[name]} == {"files"}


def test_what_a_user_tuned_survives(library: Library, music: Path) -> None:
    (song,) = make_album(music, songs=1)
    import_folder(library)
    ((passage,),) = table(library, Passage, "guid")
    ((stored_song,),) = table(library, Song, "guid")
    with library.unit_of_work("user") as work:
        work.passages.update(passage, user_title="My title", fade_in_start_ticks=1000)
        work.songs.update(stored_song, base_probability=2.0, lyrics="la la la")
    touch(song)
    import_folder(library)
    assert table(library, Passage, "guid", "user_title", "fade_in_start_ticks") == [
        (passage, "My title", 1000)
    ]
    assert table(library, Song, "base_probability", "lyrics") == [(2.0, "la la la")]


def test_a_passage_that_a_user_edited_is_kept_when_its_span_is_gone(
    library: Library, music: Path
) -> None:
    song = make_sound(music / "song.flac", seconds=2)
    import_folder(library)
    ((edited,),) = table(library, Passage, "guid")
    with library.unit_of_work("user") as work:
        work.passages.update(edited, user_title="My title")
    make_sound(song, seconds=3)
    summary = import_folder(library)
    assert summary.kept_passages == (edited,)
    assert len(table(library, Passage, "guid")) == 2


def test_a_file_that_became_another_has_the_other_passage(library: Library, music: Path) -> None:
    song = make_sound(music / "song.flac", seconds=2)
    import_folder(library)
    ((file, before),) = table(library, Passage, "file_id", "end_time_ticks")
    make_sound(song, seconds=3)
    import_folder(library)
    assert table(library, Passage, "file_id", "end_time_ticks") == [(file, before // 2 * 3)]


def test_a_file_that_was_tagged_since_gets_its_song(library: Library, music: Path) -> None:
    song = make_sound(music / "song.flac")
    tag_sound(song, title="Title 1", artist="Artist 1", album="Album 0", albumartist="Artist 1")
    import_folder(library)
    ((passage,),) = table(library, Passage, "guid")
    ((artist,),) = table(library, Artist, "guid")
    ((album,),) = table(library, Album, "guid")
    tag_sound(song, **musicbrainz_tags(1))
    import_folder(library)
    assert table(library, Passage, "guid", "recording_mbid") == [(passage, mbid(1_000_001))]
    assert table(library, Artist, "guid", "artist_mbid") == [(artist, mbid(5_000_001))]
    assert table(library, Album, "guid", "album_mbid") == [(album, mbid(3_000_000))]


def test_a_duplicate_whose_original_changed_is_imported_in_the_same_run(
    library: Library, music: Path
) -> None:
    original = make_sound(music / "a.flac", frequency=300)
    import_folder(library)
    shutil.copyfile(original, music / "b.flac")
    assert import_folder(library).counts.duplicates == 1
    make_sound(original, frequency=400)
    touch(original)
    summary = import_folder(library)
    assert statuses(library) == {"a.flac": "INGEST COMPLETE", "b.flac": "INGEST COMPLETE"}
    assert (summary.counts.imported, summary.counts.to_import) == (2, 2)
    assert len(table(library, Passage, "guid")) == 2
    assert import_folder(library).counts.unchanged == 2


def test_a_file_that_became_equal_to_another_has_no_passage_any_more(
    library: Library, music: Path
) -> None:
    one = make_sound(music / "a.flac", frequency=300)
    other = make_sound(music / "b.flac", frequency=400, seconds=2)
    import_folder(library)
    shutil.copyfile(one, other)
    touch(other)
    import_folder(library)
    assert statuses(library) == {"a.flac": "INGEST COMPLETE", "b.flac": "DUPLICATE HASH"}
    assert len(table(library, Passage, "guid")) == 1


def test_a_failed_file_is_tried_again_and_its_reason_goes_with_success(
    library: Library, music: Path
) -> None:
    song = music / "song.flac"
    song.write_text("not yet")
    assert len(import_folder(library).failures) == 1
    assert len(import_folder(library).failures) == 1
    assert len(failures(library)) == 1
    make_sound(song)
    assert import_folder(library).counts.imported == 1
    assert failures(library) == {}


def test_a_folder_that_could_not_be_looked_at_is_forgotten_once_it_can(
    library: Library, music: Path
) -> None:
    link = music / "disk"
    link.symlink_to(music.parent / "unmounted")
    assert [each.path for each in import_folder(library).failures] == ["disk"]
    assert list(failures(library)) == ["disk"]
    (music.parent / "unmounted").mkdir()
    assert import_folder(library).failures == ()
    assert failures(library) == {}


def test_new_files_are_found_among_old_ones(library: Library, music: Path) -> None:
    make_album(music / "old")
    import_folder(library)
    make_sound(music / "new.flac", frequency=999)
    summary = import_folder(library)
    assert (summary.counts.new, summary.counts.unchanged, summary.counts.imported) == (1, 4, 1)


def test_a_part_of_the_root_is_imported_alone(library: Library, music: Path) -> None:
    make_album(music / "jazz", songs=2)
    make_sound(music / "other.flac", frequency=999)
    summary = import_folder(library, music / "jazz")
    assert summary.counts.found == 2
    assert set(statuses(library)) == {"jazz/0.flac", "jazz/1.flac"}
    assert import_folder(library).counts.new == 1


@pytest.mark.parametrize("spelling", ["relative", "dots", "link"])
def test_a_folder_may_be_spelled_in_other_ways(
    library: Library, music: Path, monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    make_album(music / "jazz", songs=1)
    monkeypatch.chdir(music)
    (music.parent / "link").symlink_to(music)
    folder = {
        "relative": "jazz",
        "dots": os.path.join(music, "jazz", "..", "jazz"),  # noqa: PTH118  Path drops nothing
        "link": str(music.parent / "link" / "jazz"),
    }[spelling]
    import_folder(library, folder)
    assert set(statuses(library)) == {"jazz/0.flac"}
