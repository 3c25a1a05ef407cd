"""Whichever way rows are sent, the database ends with the same ones."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.flush.recordings import mbid
from tests.flush.representative import accumulate, prepare
from tests.flush.sent import as_inserts
from tests.flush.stored import age, content, dump, restore
from tests.support.overtaking import overtaken
from tests.support.recorder import recording
from wkmp_orm.core.flush.postgresql_senders import CopySender
from wkmp_orm.core.flush.senders import DriverSender, SessionSender
from wkmp_orm.models import AcoustidCache, Album, Artist, File, Song, Work
from wkmp_orm.testing import build_recordings, put_all
from wkmp_orm.testing.strategies import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Database
    from tests.flush.stored import Rows
    from wkmp_orm import Library
    from wkmp_orm.core.engine.driver_cursor import DriverCursor
    from wkmp_orm.core.flush.senders import Sender

    NewSender = Callable[[DriverCursor], Sender]

COPYING = partial(CopySender, copy_from=1, stage_from=1)


def senders(library: Library) -> tuple[NewSender, ...]:
    """Give all ways of sending that the database has, bulk_insert_mappings first."""
    if library.target.dialect == "postgresql":
        some = partial(CopySender, copy_from=3, stage_from=2)
        return SessionSender, DriverSender, COPYING, some
    return SessionSender, DriverSender


NAMED = {
    "files": rows(File, hash=st.none()),  # equal hashes are not for rows that know no election
    "songs": rows(Song),
    "artists": rows(Artist),
    "albums": rows(Album),
    "works": rows(Work),
    "acoustid_cache": rows(AcoustidCache),
}


@contextmanager
def sending_by(library: Library, new_sender: NewSender) -> Iterator[None]:
    """Let the library send its rows in the given way."""
    flusher = library._flusher
    before, flusher._new_sender = flusher._new_sender, new_sender
    try:
        yield
    finally:
        flusher._new_sender = before


def outcomes(library: Library, run: Callable[[], object]) -> list[Rows]:
    """Run the same from the same start in each way, and tell what is stored."""
    start = dump(library)
    told = []
    for new_sender in senders(library):
        restore(library, start)
        with sending_by(library, new_sender):
            run()
        told.append(content(dump(library)))
    restore(library, start)
    return told


def assert_equal(outcomes: list[Rows]) -> Rows:
    """Compare every other way with bulk_insert_mappings."""
    first, *others = outcomes
    assert others
    for one in others:
        assert one == first
    return first


def test_a_phase_that_does_everything_stores_the_same(library: Library) -> None:
    there = prepare(library)
    age(library)  # or what was made in this very second would seem not to have moved

    def run() -> None:
        with library.unit_of_work("everything") as work:
            accumulate(work, there)

    assert_equal(outcomes(library, run))


@pytest.mark.smoke
def test_whole_recordings_store_the_same_at_first_and_again(library: Library) -> None:
    recordings = build_recordings(3, passages=40)

    def run() -> None:
        for again in (False, True):
            for one in recordings:
                with library.unit_of_work("recording") as work:
                    put_all(work, one.rows, again=again)

    assert len(assert_equal(outcomes(library, run))["passages"]) == 3 * 40


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
@pytest.mark.parametrize("table", NAMED)
def test_rows_of_every_kind_store_the_same(
    library: Library, table: str, data: st.DataObject
) -> None:
    batches: list[list[dict[str, Any]]] = data.draw(
        st.lists(st.lists(NAMED[table], max_size=5), min_size=1, max_size=3)
    )

    def run() -> None:
        for batch in batches:
            with library.unit_of_work("rows") as work:
                getattr(work, table).put_many(batch)

    assert_equal(outcomes(library, run))


def test_all_send_the_same_rows_to_the_same_tables_in_the_same_order(library: Library) -> None:
    one = build_recordings(1)[0]
    start = dump(library)
    sent = []
    for new_sender in senders(library):
        restore(library, start)
        with sending_by(library, new_sender), recording(library._writer.engine) as recorder:
            with library.unit_of_work("recording") as work:
                put_all(work, one.rows)
            sent.append([(e.verb, e.table, e.rows) for e in as_inserts(recorder.dml())])
    assert len(sent) > 1
    assert all(one == sent[0] for one in sent)


def test_text_that_copy_could_mistake_is_stored_as_it_is(library: Library) -> None:
    texts = ["\\N", "\\", "a\tb", "a\nb", "\r", "\\.", "", " ", "\x7f", "é\u2028", "\\x41"]

    def run() -> None:
        with library.unit_of_work("rows") as work:
            for number, text in enumerate(texts):
                work.songs.put(
                    recording_mbid=mbid(2, number), title=text, flavor_vector={text: [text, None]}
                )
                work.songs.add(recording_mbid=mbid(3, number), title=text, lyrics=None)

    stored = assert_equal(outcomes(library, run))["songs"]
    assert sorted(row["title"] for row in stored) == sorted(2 * texts)


def test_rows_that_others_made_meanwhile_are_counted_as_theirs(library: Library) -> None:
    count = 5
    for new_sender in senders(library):
        start = dump(library)
        with sending_by(library, new_sender):

            def overtake() -> None:
                with library.unit_of_work("other") as other:
                    for n in range(0, count, 2):
                        other.songs.put(recording_mbid=mbid(2, n), title="theirs")

            with overtaken(library, overtake), library.unit_of_work("ours") as work:
                songs = [work.songs.put(recording_mbid=mbid(2, n)) for n in range(count)]
            assert work.report is not None
            assert str(work.report.rows["songs"]) == "2 inserted, 3 unchanged"
            stored = {row["recording_mbid"]: row["guid"] for row in dump(library)["songs"]}
            assert {mbid(2, n): song.guid for n, song in enumerate(songs)} == stored
        restore(library, start)


def test_a_connection_copies_again_and_again(postgresql_database: Database) -> None:
    with postgresql_database.open() as library, sending_by(library, COPYING):
        for turn in range(12):  # psycopg prepares what it executes for the sixth time
            with library.unit_of_work("rows") as work:
                for n in range(5):
                    artist = work.artists.put(artist_mbid=mbid(3, n), name="Nina Simone")
                    song = work.songs.put(recording_mbid=mbid(turn, n), title="Sinnerman")
                    work.song_artists.link(song, artist, weight=1.0)
        stored = dump(library)
    assert (len(stored["songs"]), len(stored["artists"])) == (12 * 5, 5)
    assert len(stored["song_artists"]) == 12 * 5
