"""Both imports at the same time, in two processes and in either order: nothing is lost or torn."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from tests.coexistence.conftest import add_songs
from tests.coexistence.readers import unreadable
from tests.coexistence.services import ImportService
from tests.support.imports import music_dump, statuses
from tests.support.processes import run_in_processes
from tests.support.sound import make_sound, musicbrainz_tags, tag_sound
from wkmp_orm import Library, Passage
from wkmp_orm.orchestrator import import_folder

if TYPE_CHECKING:
    from tests.support.processes import Barrier

SONGS = 6
ROUNDS = 2
COMPLETE, COPY = "INGEST COMPLETE", "DUPLICATE HASH"


def _their_imports(barrier: Barrier, database: str, root: str) -> dict[str, str]:
    """Import the folder a few times, and return what failed."""
    barrier.wait()
    failed: dict[str, str] = {}
    for _ in range(ROUNDS):
        with closing(ImportService(database, Path(root))) as service:
            service.run()
        failed |= service.failed
    return failed


def _our_writes(barrier: Barrier, database: str, root: str) -> dict[str, str]:
    """Store rows as phases do, while the others write, and read them back."""
    with Library.open(database, root=root) as library:
        barrier.wait()
        for number in range(20 * ROUNDS):
            with library.unit_of_work("load") as work:
                song = work.songs.put(recording_mbid=_mbid(number), title=f"Load {number}")
                artist = work.artists.put(artist_mbid=_mbid(1_000 + number), name="Load")
                work.song_artists.link(song, artist, weight=1.0)
    return {}


def _mbid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


@pytest.mark.slow
def test_what_both_write_at_once_is_whole_and_healed_by_the_next_import(
    library: Library, music_folder: Path
) -> None:
    (song, *_) = add_songs(music_folder, *range(1, SONGS + 1))
    import_folder(library)
    with library.unit_of_work("user") as work, library.reader() as session:
        edited = set(session.scalars(sa.select(Passage.guid)))
        for passage in edited:
            work.passages.update(passage, user_title="Mine")
    (music_folder / "copy.flac").write_bytes(song.read_bytes())
    given = str(library.target), str(library.root)
    theirs, *_ = run_in_processes(
        _either, [("theirs", *given), *[("ours", *given)] * 2, ("theirs", *given)]
    )
    assert all("UNIQUE" in why for why in theirs.values())
    import_folder(library, take_over=True)
    assert statuses(library) == {
        **{f"{number}.flac": COMPLETE for number in range(1, SONGS + 1)},
        "copy.flac": COPY,
    }
    with library.reader() as session:
        kept = session.scalars(sa.select(Passage.guid).where(Passage.user_title == "Mine"))
        assert edited == set(kept)
        loaded = "SELECT count(*) FROM song_artists JOIN songs ON guid = song_id"
        loaded += " WHERE title LIKE 'Load %'"
        assert session.scalar(sa.text(loaded)) == 20 * ROUNDS
        assert session.scalar(sa.text("PRAGMA integrity_check")) == "ok"
        assert session.execute(sa.text("PRAGMA foreign_key_check")).all() == []
    assert unreadable(str(library.target)) == []
    before = music_dump(library)
    assert import_folder(library).counts.to_import == 0
    assert music_dump(library) == before


def _either(barrier: Barrier, who: str, database: str, root: str) -> dict[str, str]:
    return (_their_imports if who == "theirs" else _our_writes)(barrier, database, root)


def test_their_writes_between_two_files_of_our_import_leave_nothing_that_the_next_does_not_mend(
    library: Library, music_folder: Path
) -> None:
    songs = add_songs(music_folder, 1, 2, 3)
    import_folder(library)
    (music_folder / "copy.flac").write_bytes(songs[0].read_bytes())
    tag_sound(make_sound(music_folder / "4.flac", frequency=304), **musicbrainz_tags(4))
    services: list[ImportService] = []

    def write_between(_: object) -> None:
        with closing(ImportService(str(library.target), library.root)) as service:
            services.append(service)
            service.scan()
            service.process("copy.flac")

    import_folder(library, workers=1, on_progress=write_between)
    assert services
    import_folder(library)
    assert statuses(library) == {
        **{f"{number}.flac": COMPLETE for number in range(1, 5)},
        "copy.flac": COPY,
    }
    assert unreadable(str(library.target)) == []
    before = music_dump(library)
    assert import_folder(library).counts.to_import == 0
    assert music_dump(library) == before
