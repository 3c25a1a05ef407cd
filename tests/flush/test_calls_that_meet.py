"""Calls of one unit that are about the same rows, and what another program does to those rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tests.flush.recordings import LONG_AGO, SECOND, add_file, mbid
from tests.flush.stored import dump, row_of
from tests.support.overtaking import overtaken
from wkmp_orm.errors import (
    ConditionNotMetError,
    ConstraintViolationError,
    InvalidRowError,
    RowNotFoundError,
)
from wkmp_orm.models import Artist, SongArtist

if TYPE_CHECKING:
    from wkmp_orm import Library

NINA, EMIL, HAL = "name:nina", "name:emil", "name:hal"


def add_artist(library: Library, key: str) -> str:
    with library.unit_of_work("before") as work:
        artist = work.artists.put(artist_mbid=key, name=key)
    return artist.guid


def add_song(library: Library, *shares: float) -> tuple[str, list[str]]:
    """Commit a song with artists who have these shares, and answer their guids."""
    with library.unit_of_work("before") as work:
        song = work.songs.put(recording_mbid=mbid(2, 1))
        artists = [work.artists.put(artist_mbid=f"name:{n}", name="x") for n in range(len(shares))]
        for artist, share in zip(artists, shares, strict=True):
            work.song_artists.link(song, artist, weight=share)
    return song.guid, [artist.guid for artist in artists]


def shares_of(library: Library, song: str) -> dict[str, float]:
    """Read the shares of a song, by the keys of its artists."""
    select = sa.select(Artist.artist_mbid, SongArtist.weight).join(
        SongArtist, SongArtist.artist_id == Artist.guid
    )
    with library.reader() as session:
        rows = session.execute(select.where(SongArtist.song_id == song))
        return {row.artist_mbid: row.weight for row in rows}


def delete_artist(library: Library, key: str) -> None:
    """Delete an artist as another program would, which does not wait for its turn."""
    with library._writer.engine.begin() as connection:
        connection.execute(sa.delete(Artist).where(Artist.artist_mbid == key))


def test_puts_of_one_row_are_one_though_other_calls_begin_a_new_stage(library: Library) -> None:
    with library.unit_of_work("before") as work:
        other = work.works.put(work_mbid=mbid(1, 1), title="Sinnerman")
    with library.unit_of_work("names") as work:
        artist = work.artists.put(artist_mbid=NINA)
        work.works.put(work_mbid=mbid(1, 2), title="Feeling Good")
        work.works.delete(other.guid)
        assert work.artists.put(artist_mbid=NINA, name="Nina Simone") is artist
    assert row_of(library, "artists", artist.guid)["name"] == "Nina Simone"


def test_a_put_that_makes_a_row_needs_its_columns_where_a_later_one_is_a_call_of_its_own(
    library: Library,
) -> None:
    other = add_artist(library, EMIL)
    work = library.unit_of_work("names")
    work.artists.put(artist_mbid=NINA)
    work.artists.update(other, name="Emil")
    work.artists.put(artist_mbid=NINA, name="Nina Simone")
    with pytest.raises(InvalidRowError) as caught:
        work.commit()
    assert (caught.value.table, caught.value.field) == ("artists", "name")
    assert row_of(library, "artists", other)["name"] == EMIL


def test_a_condition_on_a_setting_that_the_unit_makes_itself_is_not_met(library: Library) -> None:
    work = library.unit_of_work("settings")
    work.settings.put(key="mine", value="1")
    work.settings.update("mine", where={"value": "2"}, value="3")
    with pytest.raises(ConditionNotMetError, match="value is '1'") as caught:
        work.commit()
    assert (caught.value.table, caught.value.key) == ("settings", "mine")


def test_a_condition_on_a_row_whose_guid_the_caller_has_chosen_is_not_met(library: Library) -> None:
    guid = mbid(7, 1)
    work = library.unit_of_work("songs")
    work.songs.put(guid=guid, recording_mbid=mbid(2, 1), title="Sinnerman")
    work.songs.update(guid, where={"title": None}, title="Feeling Good")
    with pytest.raises(ConditionNotMetError, match="title is 'Sinnerman', not None") as caught:
        work.commit()
    assert caught.value.key == guid


@pytest.mark.parametrize("stages", [1, 2])
def test_a_known_row_that_another_program_deletes_meanwhile_is_made_anew_and_then_updated(
    library: Library, stages: int
) -> None:
    former, other = add_artist(library, NINA), add_artist(library, EMIL)
    with (
        overtaken(library, lambda: delete_artist(library, NINA)),
        library.unit_of_work("moving") as work,
    ):
        artist = work.artists.put(artist_mbid=NINA, name="Nina")
        if stages == 2:
            work.artists.update(other, name="Emil")
            work.artists.put(artist_mbid=EMIL, name="no news")
        work.artists.update(artist, artist_mbid=HAL)
    assert artist.guid != former
    assert row_of(library, "artists", artist.guid)["artist_mbid"] == HAL


def test_an_order_whose_row_another_program_deletes_meanwhile_names_it(library: Library) -> None:
    nina, emil = add_artist(library, NINA), add_artist(library, EMIL)
    for verb in ("update", "delete"):
        work = library.unit_of_work("orders")
        values: dict[str, Any] = {"name": "y"} if verb == "update" else {}
        getattr(work.artists, verb)(emil, where={"name": EMIL}, **values)
        getattr(work.artists, verb)(nina, where={"name": NINA}, **values)
        with (
            pytest.raises(RowNotFoundError) as caught,
            overtaken(library, lambda: delete_artist(library, NINA)),
        ):
            work.commit()
        assert caught.value.key == nina
        assert row_of(library, "artists", emil)["name"] == EMIL
        with library.unit_of_work("again") as work:
            work.artists.add(guid=nina, artist_mbid=NINA, name=NINA)


@pytest.mark.parametrize("verb", ["update", "delete"])
def test_of_many_required_orders_the_one_that_is_not_met_is_named(
    library: Library, verb: str
) -> None:
    keys = [f"name:{number}" for number in range(20)]
    with library.unit_of_work("before") as work:
        artists = work.artists.put_many({"artist_mbid": key, "name": key} for key in keys)
    work = library.unit_of_work("orders")
    for artist, key in zip(artists, keys, strict=True):
        values: dict[str, Any] = {"name": "claimed"} if verb == "update" else {}
        wanted = {"name": "other" if key == keys[7] else key}
        getattr(work.artists, verb)(artist, where=wanted, **values)
    with pytest.raises(ConditionNotMetError, match="name is 'name:7', not 'other'") as caught:
        work.commit()
    assert caught.value.key == artists[7].guid


def test_a_claim_on_a_row_that_is_already_as_if_claimed_is_named_among_many(
    library: Library,
) -> None:
    keys = [f"name:{number}" for number in range(5)]
    with library.unit_of_work("before") as work:
        artists = work.artists.put_many({"artist_mbid": key, "name": key} for key in keys)
    with library.unit_of_work("another worker") as work:
        work.artists.update(artists[3].guid, name="claimed")
    work = library.unit_of_work("claims")
    for artist, key in zip(artists, keys, strict=True):
        work.artists.update(artist.guid, where={"name": key}, name="claimed")
    with pytest.raises(ConditionNotMetError, match="name is 'claimed', not 'name:3'") as caught:
        work.commit()
    assert caught.value.key == artists[3].guid


def test_a_row_that_the_unit_has_deleted_by_its_handle_is_not_found_by_its_guid(
    library: Library,
) -> None:
    guid = add_artist(library, NINA)
    before = dump(library)
    for condition in (None, NINA):
        work = library.unit_of_work("deleting")
        artist = work.artists.put(artist_mbid=NINA)
        work.artists.delete(artist, where={"artist_mbid": NINA})
        work.artists.delete(guid, where={"artist_mbid": condition} if condition else None)
        with pytest.raises(RowNotFoundError, match="the same unit of work has deleted") as caught:
            work.commit()
        assert caught.value.key == guid
    assert dump(library) == before


def test_a_row_that_goes_with_its_parent_is_not_found(library: Library) -> None:
    file = add_file(library)
    with library.unit_of_work("before") as work:
        work.passages.put(file_id=file, end_time_ticks=SECOND)
    work = library.unit_of_work("deleting")
    passage = work.passages.put(file_id=file, end_time_ticks=SECOND)
    work.files.delete(file)
    work.passages.update(passage, title="Sinnerman")
    with pytest.raises(RowNotFoundError, match="goes with one that the same unit") as caught:
        work.commit()
    assert caught.value.handle is passage


def test_a_row_that_was_deleted_may_be_deleted_once_more_though_one_in_its_place_was_discarded(
    library: Library,
) -> None:
    guid = add_artist(library, NINA)
    with library.unit_of_work("deleting") as work:
        first = work.artists.delete(guid)
        work.artists.add(guid=guid, artist_mbid=NINA, name="Nina").discard()
        second = work.artists.delete(guid)
    assert (first.matched, second.matched) == (True, True)
    with pytest.raises(KeyError):
        row_of(library, "artists", guid)


def test_a_row_that_was_deleted_twice_is_known_to_be_gone(library: Library) -> None:
    guid = add_artist(library, NINA)
    work = library.unit_of_work("deleting")
    work.artists.delete(guid)
    work.artists.update(guid, required=False, name="Nina")
    work.artists.delete(guid)
    with pytest.raises(InvalidRowError, match="has deleted the row before"):
        work.artists.update(guid, name="Nina")


def test_rows_in_two_spellings_that_bring_no_news_are_not_written(library: Library) -> None:
    song, [artist] = add_song(library, 0.6)
    file = add_file(library)
    with library.unit_of_work("before") as work:
        work.passages.put(file_id=file, end_time_ticks=SECOND, title="Sinnerman")
    with library.unit_of_work("again") as work:
        work.song_artists.link(song, artist, weight=0.6)
        work.song_artists.link(work.songs.put(recording_mbid=mbid(2, 1)), artist, weight=0.6)
        work.passages.put(file_id=file, end_time_ticks=SECOND, title="Sinnerman")
        spelled = work.files.put(path="nina/sinnerman.flac")
        work.passages.put(file_id=spelled, end_time_ticks=SECOND, title="Sinnerman")
    assert work.report is not None
    assert work.report.outcome == "nothing to do"
    assert str(work.report.rows["song_artists"]) == "2 unchanged"
    assert str(work.report.rows["passages"]) == "2 unchanged"


def test_what_one_spelling_of_a_row_changes_the_next_one_may_change_back(library: Library) -> None:
    file = add_file(library)
    with library.unit_of_work("before") as work:
        passage = work.passages.put(file_id=file, end_time_ticks=SECOND, title="Sinnerman")
    with library.unit_of_work("again") as work:
        work.passages.put(file_id=file, end_time_ticks=SECOND, title="Feeling Good", artist="Nina")
        spelled = work.files.put(path="nina/sinnerman.flac")
        again = work.passages.put(file_id=spelled, end_time_ticks=SECOND, title="Sinnerman")
    assert again.guid == passage.guid
    row = row_of(library, "passages", passage.guid)
    assert (row["title"], row["artist"]) == ("Sinnerman", "Nina")


@pytest.mark.parametrize("first", [EMIL, HAL])
def test_of_two_shares_that_have_room_for_one_the_earlier_call_gets_it(
    library: Library, first: str
) -> None:
    song, _ = add_song(library, 0.6)
    guids = {key: add_artist(library, key) for key in (EMIL, HAL)}
    second = next(key for key in guids if key != first)
    with library.unit_of_work("shares") as work:
        work.song_artists.link(song, guids[first], weight=0.4)
        work.song_artists.link(song, guids[second], weight=0.3)
    assert shares_of(library, song) == {"name:0": 0.6, first: 0.4}
    assert work.report is not None
    assert str(work.report.rows["song_artists"]) == "1 inserted, 1 refused"


def test_a_corrected_share_keeps_its_place(library: Library) -> None:
    song, _ = add_song(library, 0.6)
    emil, hal, nina = (add_artist(library, key) for key in (EMIL, HAL, NINA))
    with library.unit_of_work("shares") as work:
        link = work.song_artists.link(song, nina, weight=0.4)
        work.song_artists.link(song, emil, weight=0.3)
        link.set(artist_id=hal)
    assert shares_of(library, song) == {"name:0": 0.6, HAL: 0.4}


def test_shares_of_a_new_song_by_its_handle_and_by_its_guid_are_weighed_in_their_order(
    library: Library,
) -> None:
    guid, emil, hal = mbid(7, 1), add_artist(library, EMIL), add_artist(library, HAL)
    with library.unit_of_work("shares") as work:
        song = work.songs.put(guid=guid, recording_mbid=mbid(2, 1))
        work.song_artists.link(guid, emil, weight=0.6)
        work.song_artists.link(song, hal, weight=0.6)
    assert shares_of(library, guid) == {EMIL: 0.6}
    assert work.report is not None
    assert str(work.report.rows["song_artists"]) == "1 inserted, 1 refused"


def test_a_share_is_weighed_when_it_is_given_so_that_a_later_delete_makes_no_room_for_it(
    library: Library,
) -> None:
    song, [artist] = add_song(library, 0.6)
    emil = add_artist(library, EMIL)
    with library.unit_of_work("too early") as work:
        work.song_artists.link(song, emil, weight=0.6)
        work.artists.delete(artist)
    assert shares_of(library, song) == {}
    assert work.report is not None
    assert str(work.report.rows["song_artists"]) == "1 refused"


def test_a_share_without_room_is_told_though_the_unit_deletes_its_song(library: Library) -> None:
    song, _ = add_song(library, 0.6)
    emil = add_artist(library, EMIL)
    with library.unit_of_work("shares") as work:
        work.song_artists.link(song, emil, weight=0.6)
        work.songs.delete(song)
    assert work.report is not None
    assert str(work.report.rows["song_artists"]) == "1 refused"


def test_a_row_that_is_given_before_the_one_that_it_refers_to_and_cannot_be_sent_is_named(
    library: Library,
) -> None:
    file, other = mbid(7, 1), add_file(library)
    work = library.unit_of_work("children first")
    passage = work.passages.add(file_id=file, end_time_ticks=SECOND)
    work.files.delete(other)
    work.files.add(guid=file, path="b.flac", modification_time=LONG_AGO)
    with pytest.raises(ConstraintViolationError) as caught:
        work.commit()
    assert caught.value.constraint == "fk_passages__file_id"
    assert caught.value.handle is passage


@pytest.mark.parametrize("corrected", ["put", "set", "update"])
def test_a_call_that_is_corrected_to_refer_to_a_row_of_a_later_stage_is_named(
    library: Library, corrected: str
) -> None:
    with library.unit_of_work("before") as work:
        song = work.songs.put(recording_mbid=mbid(2, 1))
        other = work.works.put(work_mbid=mbid(1, 1), title="Sinnerman")
    work = library.unit_of_work("corrected")
    again = None if corrected == "update" else work.songs.put(recording_mbid=mbid(2, 1))
    if again is None:
        work.songs.update(song.guid, title="x")
    work.works.update(other.guid, title="Feeling Good")
    later = work.works.put(work_mbid=mbid(1, 2), title="Pirate Jenny")
    if again is None:
        work.songs.update(song.guid, work_id=later)
    elif corrected == "set":
        again.set(work_id=later)
    else:
        work.songs.put(recording_mbid=mbid(2, 1), work_id=later)
    with pytest.raises(ConstraintViolationError, match="which a later call makes") as caught:
        work.commit()
    assert (caught.value.constraint, caught.value.key) == ("fk_songs__work_id", song.guid)


@pytest.mark.parametrize("corrected", ["put", "add"])
def test_a_row_that_is_put_and_one_that_is_added_do_not_get_one_natural_key_by_a_correction(
    library: Library, corrected: str
) -> None:
    with library.unit_of_work("works") as work:
        put = work.works.put(work_mbid=mbid(1, 2), title="Sinnerman")
        added = work.works.add(work_mbid=mbid(1, 1), title="Feeling Good")
        row, other = (put, mbid(1, 1)) if corrected == "put" else (added, mbid(1, 2))
        with pytest.raises(InvalidRowError, match="same natural key") as caught:
            row.set(work_mbid=other)
        assert caught.value.field == "work_mbid"
    assert work.report is not None
    assert str(work.report.rows["works"]) == "2 inserted"
