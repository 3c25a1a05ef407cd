"""Writers that know nothing of one another meet at one row: it is stored once, and all agree."""

from __future__ import annotations

import random
import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tests.flush.recordings import LONG_AGO, SECOND, add_file, mbid
from tests.flush.stored import dump
from tests.support.patience import PATIENCE_S
from tests.support.processes import run_in_processes
from wkmp_orm import Library
from wkmp_orm.models import SongArtist
from wkmp_orm.settings import AI_DATABASE_MAX_LOCK_WAIT_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Database
    from tests.support.processes import Barrier
    from wkmp_orm import UnitOfWork
    from wkmp_orm.core.engine.driver_cursor import DriverCursor

WRITERS = 16
PROCESSES = 4
ROUNDS = 4


@contextmanager
def patient(database: Database) -> Iterator[Library]:
    """Open a library in which all writers may stand between their prefetch and their BEGIN."""
    with database.open() as library:
        library.settings.save({AI_DATABASE_MAX_LOCK_WAIT_MS: 30_000})
    with database.open() as library:
        yield library


@contextmanager
def held_after_prefetch(library: Library, wait: Callable[[], object]) -> Iterator[None]:
    """Have each thread wait once, when it has given its first prefetch's connection back."""
    waited = threading.local()
    reading = library._writer.reading

    @contextmanager
    def held() -> Iterator[DriverCursor]:
        with reading() as cursor:
            yield cursor
        if not getattr(waited, "once", False):
            waited.once = True
            wait()

    library._writer.reading = held  # type: ignore[method-assign]
    try:
        yield
    finally:
        library._writer.reading = reading  # type: ignore[method-assign]


def at_once(library: Library, write: Callable[[UnitOfWork, int], None]) -> None:
    """Commit a unit of work in each of 16 threads, none of which has seen another's rows."""
    barrier = threading.Barrier(WRITERS)
    errors: list[BaseException] = []

    def commit(number: int) -> None:
        try:
            with library.unit_of_work("racing") as work:
                write(work, number)
        except BaseException as error:  # noqa: BLE001 - it is raised below
            errors.append(error)
            barrier.abort()

    with held_after_prefetch(library, lambda: barrier.wait(PATIENCE_S)):
        threads = [threading.Thread(target=commit, args=(n,)) for n in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
    if errors:
        raise errors[0]


def put_passage(work: UnitOfWork, file: str, number: int) -> tuple[Any, Any]:
    """Record one passage of its own and a song that everybody records."""
    song = work.songs.put(recording_mbid=mbid(2, 1), title=f"as number {number} has it")
    passage = work.passages.put(
        file_id=file, start_time_ticks=number * SECOND, end_time_ticks=(number + 1) * SECOND
    )
    work.passages.update(passage, song_id=song)
    work.passage_songs.link(passage, song, start_time_ticks=0, end_time_ticks=SECOND)
    return song, passage


def assert_one_song_with_passages(library: Library, count: int) -> str:
    stored = dump(library)
    (song,) = [row for row in stored["songs"] if row["recording_mbid"] == mbid(2, 1)]
    assert len(stored["passages"]) == count
    assert {row["song_id"] for row in stored["passages"]} == {song["guid"]}
    assert {(row["passage_id"], row["song_id"]) for row in stored["passage_songs"]} == {
        (row["guid"], song["guid"]) for row in stored["passages"]
    }
    return str(song["guid"])


@pytest.mark.smoke
def test_threads_that_put_one_new_song_make_one_and_all_bind_to_it(database: Database) -> None:
    with patient(database) as library:
        file = add_file(library)
        handles: dict[int, tuple[Any, Any]] = {}

        def write(work: UnitOfWork, number: int) -> None:
            handles[number] = put_passage(work, file, number)

        at_once(library, write)

        guid = assert_one_song_with_passages(library, WRITERS)
        assert {song.guid for song, _ in handles.values()} == {guid}
        passages = {row["start_time_ticks"]: row["guid"] for row in dump(library)["passages"]}
        for number, (_, passage) in handles.items():
            assert passage.guid == passages[number * SECOND]


def put_all(work: UnitOfWork, number: int, round_: int) -> None:
    """Put songs and artists that others put as well, in an order of one's own."""
    order = random.Random(number)
    shared = [number * 5 + offset for offset in range(40)]
    order.shuffle(shared)
    for key in shared:
        # What FILL and OVERWRITE merge is new in every round, so that known rows are locked too.
        work.songs.put(recording_mbid=mbid(5, key), title="Take" if round_ else None)
        work.artists.put(artist_mbid=mbid(3, key), name="Nina")
        work.files.put(path=f"{key}.flac", modification_time=LONG_AGO, title=f"{number} {round_}")


def test_threads_that_put_the_same_keys_in_other_orders_never_fail(database: Database) -> None:
    with patient(database) as library:
        for round_ in range(ROUNDS):
            at_once(library, partial(put_all, round_=round_))

        assert_all_keys_once(library, WRITERS)


def assert_all_keys_once(library: Library, writers: int) -> None:
    stored = dump(library)
    keys = range((writers - 1) * 5 + 40)
    songs = [row for row in stored["songs"] if row["title"] == "Take"]
    artists = [row["artist_mbid"] for row in stored["artists"] if row["name"] == "Nina"]
    files = [row["path"] for row in stored["files"] if row["title"]]
    assert sorted(row["recording_mbid"] for row in songs) == [mbid(5, key) for key in keys]
    assert sorted(artists) == [mbid(3, key) for key in keys]
    assert sorted(files) == sorted(f"{key}.flac" for key in keys)


def weights(library: Library) -> list[float]:
    with library.reader() as session:
        return list(session.scalars(sa.select(SongArtist.weight)))


def link_an_artist(work: UnitOfWork, number: int, weight: float, song: str | None) -> None:
    artist = work.artists.put(artist_mbid=mbid(3, number), name=f"artist {number}")
    linked = song or work.songs.put(recording_mbid=mbid(2, 1))
    work.song_artists.link(linked, artist, weight=weight)


@pytest.mark.parametrize("known", [False, True], ids=["a new song", "a known song without artists"])
@pytest.mark.parametrize(("weight", "fitting"), [(1.0, 1), (0.25, 4), (0.3, 3)])
def test_weights_of_one_song_never_sum_beyond_1_whoever_links_artists_at_once(
    database: Database, weight: float, fitting: int, *, known: bool
) -> None:
    with patient(database) as library:
        with library.unit_of_work("earlier") as work:
            song = work.songs.put(recording_mbid=mbid(2, 1 if known else 2))
        guid = song.guid if known else None

        at_once(library, lambda work, number: link_an_artist(work, number, weight, guid))

        assert weights(library) == [weight] * fitting


def test_weights_of_a_known_song_put_again_never_sum_beyond_1(database: Database) -> None:
    with patient(database) as library:
        with library.unit_of_work("earlier") as work:
            work.songs.put(recording_mbid=mbid(2, 1))

        at_once(library, lambda work, number: link_an_artist(work, number, 0.5, None))

        assert weights(library) == [0.5, 0.5]


def race(barrier: Barrier, database: Database, file: str, number: int) -> tuple[str, int]:
    """Do in a process what the threads above do, in one life, as a process takes long to start."""
    with database.open() as library:
        with held_after_prefetch(library, barrier.wait), library.unit_of_work("racing") as work:
            song, _ = put_passage(work, file, number)
            link_an_artist(work, 1_000 + number, 0.6, None)
        for round_ in range(ROUNDS):
            barrier.wait()
            with library.unit_of_work("racing") as work:
                put_all(work, number, round_)
        return song.guid, library.totals().rolled_back


@pytest.mark.smoke
def test_processes_agree_as_threads_do(database: Database) -> None:
    with patient(database) as library:
        file = add_file(library)

        arguments = [(database, file, number) for number in range(PROCESSES)]
        told = run_in_processes(race, arguments, PATIENCE_S)

        guid = assert_one_song_with_passages(library, PROCESSES)
        assert told == [(guid, 0)] * PROCESSES
        assert weights(library) == [0.6]
        assert_all_keys_once(library, PROCESSES)
