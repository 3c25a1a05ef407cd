"""A program's own tables are written beside ours, by the same rules and in the same transaction."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tests.own_tables.models import Mood, PlayCount, Radio, Rating, SongMood
from tests.support.patience import PATIENCE_S
from wkmp_orm import Library, Song, new_guid
from wkmp_orm.errors import ConfigurationError, ConstraintViolationError, InvalidRowError

if TYPE_CHECKING:
    from sqlalchemy.orm import DeclarativeBase

    from tests.conftest import Database

RECORDING = "2d1e9a3c-5b0f-4c57-9a52-7f2f1c4d8e10"


def rows(library: Library, model: type[DeclarativeBase]) -> list[Any]:
    with library.reader() as session:
        return list(session.scalars(sa.select(model)))


def rate(library: Library, **columns: Any) -> Any:
    """Put a song, what somebody thinks of it, and two moods of it: one unit of work."""
    with library.unit_of_work("rate") as work:
        song = work.songs.put(recording_mbid=RECORDING, title="Sinnerman")
        work.table(Rating).put({"song_id": song, "listener": "me", "stars": 4} | columns)
        for name, strength in (("blue", 0.25), ("restless", 1.0)):
            mood = work.table(Mood).put(name=name)
            work.links(SongMood).link(song, mood, strength=strength)
    return work.report


@pytest.mark.smoke
def test_own_rows_and_links_are_written_in_one_transaction_with_ours(each_sender: Library) -> None:
    transactions = each_sender.totals().transactions
    report = rate(each_sender)
    assert each_sender.totals().transactions == transactions + 1
    assert {name: counts.inserted for name, counts in report.rows.items()} == {
        "songs": 1,
        "moods": 2,
        "ratings": 1,
        "song_moods": 2,
    }
    with each_sender.reader() as session:
        found = session.execute(
            sa.select(Song.title, Rating.stars, Mood.name, SongMood.strength)
            .join(Rating, Rating.song_id == Song.guid)
            .join(SongMood, SongMood.song_id == Song.guid)
            .join(Mood, Mood.guid == SongMood.mood_id)
            .order_by(Mood.name)
        )
        assert [tuple(row) for row in found] == [
            ("Sinnerman", 4, "blue", 0.25),
            ("Sinnerman", 4, "restless", 1.0),
        ]


def test_the_same_answer_twice_writes_nothing(library: Library) -> None:
    rate(library)
    report = rate(library)
    assert report.outcome == "nothing to do"
    assert {name: counts.unchanged for name, counts in report.rows.items()} == {
        "songs": 1,
        "moods": 2,
        "ratings": 1,
        "song_moods": 2,
    }


def test_the_policies_of_own_columns_hold(library: Library) -> None:
    rate(library, note="first", loved=True)
    (before,) = rows(library, Rating)
    later = before.rated_at + timedelta(days=1)
    report = rate(library, stars=5, note="second", loved=False, rated_at=later)
    (after,) = rows(library, Rating)
    assert report.rows["ratings"].updated == 1
    assert (after.guid, after.stars) == (before.guid, 5)
    assert (after.note, after.loved, after.rated_at) == ("first", True, before.rated_at)


def test_handles_of_our_rows_and_of_own_rows_serve_each_other(library: Library) -> None:
    with library.unit_of_work("first") as work:
        song = work.songs.put(recording_mbid=RECORDING, title="Sinnerman")
        rating = work.table(Rating).put(song_id=song, listener="me", stars=1)
        mood = work.table(Mood).put(name="blue")
        work.links(SongMood).link(song, mood)
    assert rows(library, Rating)[0].song_id == song.guid
    assert rows(library, Rating)[0].guid == rating.guid

    with library.unit_of_work("second") as work:
        known = work.table(Mood).put(name="blue")
        other = work.songs.put(recording_mbid=new_guid(), title="Feeling Good")
        work.links(SongMood).link(other, known)
        work.links(SongMood).link(song.guid, known, strength=0.5)
        work.table(Rating).update(rating.guid, song_id=other)
    assert known.guid == mood.guid
    assert {link.song_id for link in rows(library, SongMood)} == {song.guid, other.guid}
    assert rows(library, Rating)[0].song_id == other.guid

    with library.unit_of_work("third") as work:
        work.songs.delete(other.guid)
    assert rows(library, Rating) == []
    assert [link.song_id for link in rows(library, SongMood)] == [song.guid]


def test_a_row_that_a_reference_alone_finds_is_known_again(each_sender: Library) -> None:
    guids, outcomes = set(), []
    for plays in (1, 1, 2):
        with each_sender.unit_of_work("play") as work:
            song = work.songs.put(recording_mbid=RECORDING, title="Sinnerman")
            count = work.table(PlayCount).put(song_id=song, plays=plays)
        assert work.report is not None
        guids.add(count.guid)
        outcomes.append(work.report.rows["play_counts"])
    assert len(guids) == 1
    assert [(each.inserted, each.unchanged, each.updated) for each in outcomes] == [
        (1, 0, 0),
        (0, 1, 0),
        (0, 0, 1),
    ]
    assert [row.plays for row in rows(each_sender, PlayCount)] == [2]


def test_a_handle_of_another_table_is_refused_in_words(library: Library) -> None:
    work = library.unit_of_work("wrong")
    mood = work.table(Mood).put(name="blue")
    with pytest.raises(InvalidRowError, match=r"ratings.song_id: refers to songs, not to a row of"):
        work.table(Rating).add(song_id=mood, listener="me", stars=1)
    work.discard()


def test_one_bad_own_row_keeps_all_of_ours_out(each_sender: Library) -> None:
    work = each_sender.unit_of_work("refused")
    song = work.songs.put(recording_mbid=RECORDING, title="Sinnerman")
    table = work.table(Rating)
    with pytest.raises(InvalidRowError, match=r"^ratings\.stars: 9 stars are not 0 to 5"):
        table.put(song_id=song, listener="me", stars=9)
    table.add_many({"song_id": song, "listener": f"{n}", "stars": n % 6} for n in range(20))
    nameless = table.add(song_id=song, listener="", stars=3)
    with pytest.raises(ConstraintViolationError) as refused:
        work.commit()
    assert str(refused.value).startswith(f"ratings {nameless.guid}: ck_ratings_listener_named")
    assert refused.value.table == "ratings"
    assert refused.value.constraint == "ck_ratings_listener_named"
    assert refused.value.handle is nameless
    assert rows(each_sender, Song) == rows(each_sender, Rating) == []

    nameless.discard()
    work.commit()
    assert len(rows(each_sender, Rating)) == 20


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"song_id": "0198c0de-0000-7000-8000-000000000000"}, "fk_ratings_song_id"),
        ({"listener": "me"}, "uq_ratings_song_id_listener"),
    ],
    ids=["foreign key", "unique"],
)
def test_references_to_our_rows_and_own_keys_are_refused_by_name(
    each_sender: Library, columns: dict[str, str], constraint: str
) -> None:
    rate(each_sender)
    song = rows(each_sender, Song)[0].guid
    work = each_sender.unit_of_work("refused")
    row = work.table(Rating).add({"song_id": song, "listener": "you", "stars": 1} | columns)
    with pytest.raises(ConstraintViolationError, match=f"^ratings {row.guid}: {constraint}"):
        work.commit()


@pytest.mark.smoke
def test_six_threads_that_put_one_natural_key_make_one_row(each_sender: Library) -> None:
    barrier = Barrier(6)
    found: list[tuple[str, ...]] = []

    def put() -> None:
        barrier.wait(PATIENCE_S)
        with each_sender.unit_of_work("race") as work:
            song = work.songs.put(recording_mbid=RECORDING, title="Sinnerman")
            rating = work.table(Rating).put(song_id=song, listener="me", stars=4)
            moods = [work.table(Mood).put(name=f"mood {n}") for n in range(10)]
            work.links(SongMood).link_many({"song_id": song, "mood_id": mood} for mood in moods)
        found.append((song.guid, rating.guid, *(mood.guid for mood in moods)))

    threads = [Thread(target=put) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert len(found) == 6
    assert len(set(found)) == 1
    stored = [len(rows(each_sender, model)) for model in (Song, Rating, Mood, SongMood)]
    assert stored == [1, 1, 10, 10]


def test_hundreds_of_own_rows_are_put_added_and_linked(each_sender: Library) -> None:
    def put(title: str) -> Any:
        with each_sender.unit_of_work("many") as work:
            song = work.songs.put(recording_mbid=RECORDING, title=title)
            table = work.table(Rating)
            table.put_many(
                {"song_id": song, "listener": f"{n}", "stars": n % 6, "note": '"\t\\N é'}
                for n in range(300)
            )
            moods = [work.table(Mood).put(name=f"{n}") for n in range(250)]
            work.links(SongMood).link_many({"song_id": song, "mood_id": mood} for mood in moods)
        return work.report

    first = put("Sinnerman")
    assert [first.rows[name].inserted for name in ("ratings", "moods", "song_moods")] == [
        300,
        250,
        250,
    ]
    assert put("Sinnerman").outcome == "nothing to do"
    stored = {row.listener: (row.stars, row.note) for row in rows(each_sender, Rating)}
    assert stored == {f"{n}": (n % 6, '"\t\\N é') for n in range(300)}
    assert len(rows(each_sender, SongMood)) == 250


def test_own_tables_are_attributes_of_an_own_unit_of_work(database: Database) -> None:
    with Radio.open(database.url, bulk=database.bulk) as radio:
        radio.create_tables()
        with radio.unit_of_work("rate") as work:
            song = work.songs.put(recording_mbid=RECORDING, title="Sinnerman")
            work.ratings.put(song_id=song, listener="me", stars=4)
            work.song_moods.link(song, work.moods.put(name="blue"))
        assert work.table(Rating) is work.ratings
        assert [row.stars for row in rows(radio, Rating)] == [4]


def test_own_models_that_were_not_given_are_refused_with_the_remedy(database: Database) -> None:
    with database.open() as library:
        work = library.unit_of_work("rate")
        with pytest.raises(ConfigurationError, match=r"Rating is not among the models.*models="):
            work.table(Rating)
