"""What failed for good is taken again by the next import, and nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.flush.stored import age, dump
from tests.phases.importing import (
    add_file,
    in_order,
    mbid,
    record,
    set_columns,
    status_of,
    stored,
    texts,
    watching,
)
from tests.phases.recordings import amplitude, passage
from wkmp_orm import File, Passage, Phase, Song
from wkmp_orm.models import FileStatus, SongStatus
from wkmp_orm.phases import (
    FoundFile,
    IdentifiedSong,
    Match,
    finalize_file,
    pending_songs,
    record_amplitude,
    record_files,
    record_flavors,
    reset_failed_flavors,
    retry_failed,
)

if TYPE_CHECKING:
    from wkmp_orm import Library
    from wkmp_orm.phases import Retry

COMPLETE, PENDING = FileStatus.INGEST_COMPLETE, FileStatus.PENDING


def import_file(library: Library, path: str, *songs: int) -> str:
    """Import a file whose songs no source knows."""
    file = add_file(library, path, file_size_bytes=1)
    record(library, file, *(passage(n, song=IdentifiedSong(mbid(s))) for n, s in enumerate(songs)))
    settle(library, file, len(songs))
    return file


def settle(library: Library, file: str, passages: int) -> None:
    """Run the phases after recording; no source knows a song."""
    unknown = {song.guid: None for song in pending_songs(library, file)}
    in_order(
        library,
        Phase.FLAVORING,
        lambda work: record_amplitude(work, file, [amplitude(n) for n in range(passages)]),
        lambda work: record_flavors(work, file, unknown),
        lambda work: finalize_file(work, file),
    )


def retry(library: Library, **options: Any) -> Retry:
    [answer] = in_order(library, "retry", lambda work: retry_failed(work, **options))
    return answer


def songs(library: Library) -> list[SongStatus]:
    return [status for _, status in stored(library, Song.recording_mbid, Song.status)]


def make_ready(library: Library, number: int) -> None:
    guids = dict(stored(library, Song.recording_mbid, Song.guid))
    set_columns(library, "songs", guids[mbid(number)], status=SongStatus.FLAVOR_READY)


def test_songs_that_failed_and_the_files_that_hold_them_are_set_back(library: Library) -> None:
    failed, ready = import_file(library, "a.flac", 1, 2), import_file(library, "b.flac", 3)
    make_ready(library, 2)
    make_ready(library, 3)
    both = import_file(library, "c.flac", 1, 3)
    again = retry(library)
    assert (again.files, again.songs) == (2, 1)
    assert songs(library) == [SongStatus.PENDING, SongStatus.FLAVOR_READY, SongStatus.FLAVOR_READY]
    assert [status_of(library, file) for file in (failed, both, ready)] == [
        PENDING,
        PENDING,
        COMPLETE,
    ]


def test_the_next_scan_takes_them_again_and_they_may_fail_again(library: Library) -> None:
    file = import_file(library, "a.flac", 1, 2)
    row = stored(library, File.path, File.file_size_bytes, File.modification_time)
    passages = stored(library, Passage.guid)
    found = [FoundFile(*values) for values in row]
    for _ in range(2):
        retry(library)
        [[matched]] = in_order(library, Phase.SCANNING, lambda work: record_files(work, found))
        assert (matched.guid, matched.match) == (file, Match.UNFINISHED)
        settle(library, file, 2)
        assert status_of(library, file) is COMPLETE
    assert songs(library) == [SongStatus.FLAVORING_FAILED] * 2
    assert stored(library, Passage.guid) == passages


def test_where_nothing_failed_nothing_changes(library: Library) -> None:
    import_file(library, "a.flac", 1)
    make_ready(library, 1)
    for status in FileStatus:
        add_file(library, f"{status}.flac", status=status)
    age(library)
    before = dump(library)
    for reset in (retry_failed, reset_failed_flavors):
        [again] = in_order(library, "retry", reset)
        assert (again.files, again.songs) == (0, 0)
        assert dump(library) == before


def test_a_song_of_no_file_that_will_be_imported_again_stays_failed(library: Library) -> None:
    file = import_file(library, "a.flac", 1)
    set_columns(library, "files", file, status=FileStatus.DUPLICATE_HASH)
    assert retry(library).songs == 0
    assert songs(library) == [SongStatus.FLAVORING_FAILED]


def test_a_song_of_a_file_that_is_under_way_is_set_back(library: Library) -> None:
    file = import_file(library, "a.flac", 1)
    set_columns(library, "files", file, status=FileStatus.PROCESSING)
    again = retry(library)
    assert (again.files, again.songs) == (0, 1)
    assert status_of(library, file) is FileStatus.PROCESSING


def test_files_that_were_imported_when_nobody_could_be_asked_are_set_back_when_that_is_asked(
    library: Library,
) -> None:
    file = add_file(library, "a.flac")
    record(library, file, passage(0, song=IdentifiedSong(mbid(1))))
    with library.unit_of_work(Phase.FINALIZATION) as work:
        record_amplitude(work, file, [amplitude()])
        finalize_file(work, file, songs_settled=False)
    other = import_file(library, "b.flac", 2)
    assert retry(library).files == 1
    assert (status_of(library, file), status_of(library, other)) == (COMPLETE, PENDING)
    again = retry(library, unflavored=True)
    assert (again.files, again.songs) == (1, 0)
    assert status_of(library, file) is PENDING
    assert songs(library) == [SongStatus.PENDING] * 2


def test_silent_files_are_set_back_only_when_that_is_asked(library: Library) -> None:
    silent = [add_file(library, f"{n}.flac", status=FileStatus.NO_AUDIO) for n in range(2)]
    assert retry(library).files == 0
    assert retry(library, no_audio=True).files == 2
    assert [status_of(library, file) for file in silent] == [PENDING] * 2


def test_files_with_a_passage_that_nobody_named_are_set_back_only_when_that_is_asked(
    library: Library,
) -> None:
    named = import_file(library, "a.flac", 1)
    make_ready(library, 1)
    nameless = add_file(library, "b.flac")
    record(library, nameless, passage(0, song=IdentifiedSong(mbid(1))), passage(1))
    settle(library, nameless, 2)
    assert retry(library).files == 0
    assert retry(library, unidentified=True).files == 1
    assert [status_of(library, file) for file in (named, nameless)] == [COMPLETE, PENDING]


def test_it_is_one_transaction(library: Library) -> None:
    import_file(library, "a.flac", 1)
    with watching(library) as recorder:
        retry(library, no_audio=True, unidentified=True)
    assert texts(recorder) == ["UPDATE files", "UPDATE songs", "UPDATE files", "UPDATE files"]
    assert len(recorder.attempts) == len(recorder.transactions) == 1
