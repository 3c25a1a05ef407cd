"""`wkmp_orm.testing` makes rows of a program's own models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from tests.own_tables.models import Mood, Rating, SongMood
from wkmp_orm.testing import FACTORIES, ModelFactory, SongFactory, from_row, nth, reset_sequences

if TYPE_CHECKING:
    from wkmp_orm import Library


class RatingFactory(ModelFactory[Rating]):
    """Ratings of different listeners. Give `song_id`."""

    class Meta:
        model = Rating

    listener = nth("listener {}".format)
    stars = nth(lambda n: n % 6)
    note = from_row(lambda row: f"{row.stars} of 5")


class GoodRatingFactory(RatingFactory):
    """Ratings of songs that are liked."""

    stars = 5


class MoodFactory(ModelFactory[Mood]):
    """Moods."""

    class Meta:
        model = Mood

    name = nth("mood {}".format)


class SongMoodFactory(ModelFactory[SongMood]):
    """Links of songs to moods. Give both."""

    class Meta:
        model = SongMood

    strength = 0.5


def test_what_own_factories_build_is_written_beside_what_ours_build(library: Library) -> None:
    reset_sequences()
    with library.unit_of_work("test") as work:
        song = work.songs.put(SongFactory.build())
        work.table(Rating).put_many(RatingFactory.build_batch(3, song_id=song))
        mood = work.table(Mood).put(MoodFactory.build())
        work.links(SongMood).link_many([SongMoodFactory.build(song_id=song, mood_id=mood)])
    with library.reader() as session:
        stored = session.execute(
            sa.select(Rating.listener, Rating.stars, Rating.note, Rating.loved, Mood.name)
            .join(SongMood, SongMood.song_id == Rating.song_id)
            .join(Mood, Mood.guid == SongMood.mood_id)
            .order_by(Rating.listener)
        )
        assert [tuple(row) for row in stored] == [
            (f"listener {n}", n, f"{n} of 5", False, "mood 1") for n in (1, 2, 3)
        ]


def test_the_sequences_of_own_factories_begin_again_with_ours() -> None:
    reset_sequences()
    first = RatingFactory.build().listener, GoodRatingFactory.build().listener
    assert first == ("listener 1", "listener 2")
    reset_sequences()
    assert RatingFactory.build().listener == "listener 1"
    reset_sequences(40)
    assert GoodRatingFactory.build().listener == "listener 40"
    assert not {Rating, Mood, SongMood} & FACTORIES.keys()
