"""An import heals what the Rust services leave behind, and then nothing changes any more."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tests.coexistence.conftest import add_songs
from tests.coexistence.readers import unreadable
from tests.coexistence.services import SHORTER, TICKS_PER_SECOND, ImportService
from tests.support.imports import music_dump, statuses
from tests.support.sound import make_sound
from wkmp_orm import File, Passage, Song
from wkmp_orm.models import FileStatus
from wkmp_orm.orchestrator import import_folder

if TYPE_CHECKING:
    from pathlib import Path

    from wkmp_orm import Library

COMPLETE, COPY = "INGEST COMPLETE", "DUPLICATE HASH"


def their_import(library: Library, *, scan_alone: bool = False) -> ImportService:
    """Let the Rust service import the library's folder."""
    with closing(ImportService(str(library.target), library.root)) as service:
        if scan_alone:
            service.scan()
        else:
            service.run()
    return service


def edit(library: Library) -> dict[str, Any]:
    """Change what only users change, in the passages and songs of all files that have some."""
    with library.unit_of_work("user") as work, library.reader() as session:
        for passage in session.scalars(sa.select(Passage.guid)):
            work.passages.update(passage, user_title="Mine", fade_in_curve="linear")
        for song in session.scalars(sa.select(Song.guid)):
            work.songs.update(song, base_probability=7.5, lyrics="La la")
    return edits(library)


def edits(library: Library) -> dict[str, Any]:
    """Return what users have changed, by guid."""
    with library.reader() as session:
        passages = sa.select(Passage.guid, Passage.user_title, Passage.fade_in_curve)
        songs = sa.select(Song.guid, Song.base_probability, Song.lyrics)
        kept = [*session.execute(passages.where(Passage.user_title.is_not(None)))]
        return {guid: words for guid, *words in (*kept, *session.execute(songs))}


def music(library: Library, *but: str) -> dict[str, Any]:
    """Return all rows as plain values, without the columns that tell when they changed."""
    with library.reader() as session:
        return {
            model.__tablename__: sorted(
                session.execute(
                    sa.select(*(c for c in model.__table__.c if c.name not in ("updated_at", *but)))
                ).all(),
                key=repr,
            )
            for model in (File, Passage, Song)
        }


def passages_of(library: Library, path: str) -> list[tuple[int, str | None]]:
    with library.reader() as session:
        query = sa.select(Passage.end_time_ticks, Passage.user_title).join(Passage.file)
        rows = session.execute(query.where(File.path == path))
        return sorted((end, user_title) for end, user_title in rows)


def assert_settled(library: Library) -> None:
    """Import again: nothing is to be done, nothing changes, and everything can be read."""
    before = music_dump(library)
    counts = import_folder(library).counts
    assert (counts.unchanged, counts.to_import) == (counts.found, 0)
    assert music_dump(library) == before
    assert unreadable(str(library.target)) == []


@pytest.mark.smoke
def test_complete_files_whose_hash_and_sound_a_scan_has_emptied_are_complete_again(
    library: Library, music_folder: Path
) -> None:
    (song, *_) = add_songs(music_folder, 1, 2)
    (music_folder / "copy.flac").write_bytes(song.read_bytes())
    import_folder(library)
    mine = edit(library)
    before = music(library, "modification_time")
    their_import(library, scan_alone=True)
    assert music(library, "modification_time") != before
    counts = import_folder(library).counts
    assert (counts.unfinished, counts.imported, counts.duplicates) == (3, 2, 1)
    assert music(library, "modification_time") == before
    assert edits(library) == mine
    assert_settled(library)


def test_after_their_whole_import_an_original_with_edits_is_the_only_one_and_they_are_kept(
    library: Library, music_folder: Path
) -> None:
    (song, *_) = add_songs(music_folder, 1, 2)
    import_folder(library)
    (music_folder / "a copy.flac").write_bytes(song.read_bytes())  # which comes first there
    import_folder(library)
    mine = edit(library)
    add_songs(music_folder, 3)
    service = their_import(library)
    assert service.failed == {}
    assert statuses(library)["a copy.flac"] == COMPLETE
    import_folder(library)
    assert statuses(library) == {
        "1.flac": COMPLETE,
        "2.flac": COMPLETE,
        "3.flac": COMPLETE,
        "a copy.flac": COPY,
    }
    assert mine.items() <= edits(library).items()
    assert passages_of(library, "a copy.flac") == []
    assert passages_of(library, "1.flac") == [(TICKS_PER_SECOND, "Mine")]
    assert passages_of(library, "3.flac") == [(TICKS_PER_SECOND - SHORTER, None)]  # complete
    assert_settled(library)


def test_their_import_first_then_ours_then_theirs_then_ours(
    library: Library, music_folder: Path
) -> None:
    (song, *_) = add_songs(music_folder, 1, 2)
    (music_folder / "copy.flac").write_bytes(song.read_bytes())
    their_import(library)
    assert passages_of(library, "1.flac") == [(TICKS_PER_SECOND - SHORTER, None)]
    mine = edit(library)
    for _ in range(2):
        import_folder(library)
        assert statuses(library) == {"1.flac": COMPLETE, "2.flac": COMPLETE, "copy.flac": COPY}
        assert mine.items() <= edits(library).items()
        assert_settled(library)
        their_import(library)


def test_after_their_whole_import_the_older_of_two_originals_is_the_only_one(
    library: Library, music_folder: Path
) -> None:
    (song, *_) = add_songs(music_folder, 1)
    import_folder(library)
    (music_folder / "a copy.flac").write_bytes(song.read_bytes())
    import_folder(library)
    as_another_program(library, "UPDATE files SET created_at = '2001-02-03 04:05:06'")
    as_another_program(
        library, "UPDATE files SET created_at = '2001-02-03 04:05:07' WHERE path = 'a copy.flac'"
    )
    their_import(library)
    assert set(statuses(library).values()) == {COMPLETE}
    import_folder(library)
    assert statuses(library) == {"1.flac": COMPLETE, "a copy.flac": COPY}
    assert_settled(library)


def test_of_two_originals_with_one_hash_the_complete_one_stays_then_the_oldest(
    library: Library, music_folder: Path
) -> None:
    (song, *_) = add_songs(music_folder, 1)
    import_folder(library)
    for name in ("b.flac", "c.flac"):
        (music_folder / name).write_bytes(song.read_bytes())
        import_folder(library)
    as_another_program(library, "UPDATE files SET status = 'PENDING' WHERE path = '1.flac'")
    as_another_program(
        library, f"UPDATE files SET status = '{COMPLETE}' WHERE path IN ('b.flac', 'c.flac')"
    )
    import_folder(library)
    assert statuses(library) == {"1.flac": COPY, "b.flac": COMPLETE, "c.flac": COPY}
    assert passages_of(library, "1.flac") == []
    assert_settled(library)


def test_two_copies_of_each_other_have_an_original_again(
    library: Library, music_folder: Path
) -> None:
    (song, *_) = add_songs(music_folder, 1)
    (music_folder / "copy.flac").write_bytes(song.read_bytes())
    import_folder(library)
    as_another_program(library, f"UPDATE files SET status = '{COPY}'")
    import_folder(library)
    assert sorted(statuses(library).values()) == [COPY, COMPLETE]
    assert_settled(library)


def test_a_file_without_sound_whose_hash_was_emptied_has_one_again(
    library: Library, music_folder: Path
) -> None:
    make_sound(music_folder / "silence.flac", wave="silence")
    import_folder(library)
    before = music(library)
    as_another_program(library, "UPDATE files SET hash = '', duration_ticks = NULL")
    assert import_folder(library).counts.no_audio == 1
    assert music(library) == before
    with library.reader() as session:
        assert session.scalar(sa.select(File.status)) is FileStatus.NO_AUDIO
    assert_settled(library)


def as_another_program(library: Library, statement: str) -> None:
    """Execute a statement on a connection that knows no rule of ours."""
    with closing(ImportService(str(library.target), library.root)) as service:
        service._retried(statement, ())
