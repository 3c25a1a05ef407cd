"""Whom and what a passage is linked to: songs, artists, works and albums, each once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from tests.flush.stored import dump
from tests.phases.importing import SECOND, add_file, count, load, mbid, record, set_columns, stored
from tests.phases.recordings import (
    PASTEL_BLUES,
    SINNERMAN,
    WHOLE,
    albums_of,
    passage,
    shares,
    songs_of,
)
from wkmp_orm import Artist, Passage, Song
from wkmp_orm import Work as WorkRow
from wkmp_orm.models import PassageSong, SongArtist, SongStatus, SongWork
from wkmp_orm.phases import IdentifiedSong, RecordedPassage, Work, album_identity, artist_identity

if TYPE_CHECKING:
    from wkmp_orm import Library


def test_the_weights_of_a_songs_artists_sum_to_one(library: Library) -> None:
    for number, artists in enumerate((1, 2, 3, 7)):
        credited = tuple(artist_identity(f"Artist {n}", mbid(40 + n)) for n in range(artists))
        song = IdentifiedSong(mbid(50 + number), artists=(*credited, credited[0]))
        record(library, add_file(library, f"{number}.flac"), passage(song=song))
    weights = shares(library)
    assert [len(each) for each in weights] == [1, 2, 3, 7]
    assert [sum(each) for each in weights] == pytest.approx([1.0] * 4)
    assert [min(each) for each in weights] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 7])


def test_a_song_that_sounds_twice_in_a_file_is_credited_once(library: Library) -> None:
    john, yoko = artist_identity("John Lennon"), artist_identity("Yoko Ono")
    song = IdentifiedSong(mbid(50), "Imagine")
    record(
        library,
        add_file(library),
        passage(0, song=song),
        passage(1, song=replace(song, artists=(john,))),
        passage(2, song=replace(song, artists=(john, yoko))),
    )
    assert shares(library) == [[1.0]]
    assert count(library, PassageSong) == 3


def test_works_are_linked_and_the_first_is_mirrored_in_the_song(library: Library) -> None:
    medley = (Work(mbid(21), "Sinner Man"), Work(mbid(22), "Run to the Rock"))
    file = add_file(library)
    for works in ((), medley, medley[1:], ()):
        record(library, file, passage(song=replace(SINNERMAN, works=works)))
    works_by_id = dict(stored(library, WorkRow.work_mbid, WorkRow.guid))
    [(song, work_id)] = stored(library, Song.guid, Song.work_id)
    assert work_id == works_by_id[mbid(21)]
    assert stored(library, SongWork.song_id, SongWork.work_id) == sorted(
        (song, guid) for guid in works_by_id.values()
    )


def test_a_song_lies_in_its_passage_in_ticks_from_the_passages_start(library: Library) -> None:
    late = RecordedPassage(100 * SECOND, 103 * SECOND, song=SINNERMAN)
    record(library, add_file(library), late)
    assert stored(library, PassageSong.start_time_ticks, PassageSong.end_time_ticks) == [
        (0, 3 * SECOND)
    ]


def test_the_links_of_a_retagged_file_move(library: Library) -> None:
    file, other = add_file(library, "a.flac"), add_file(library, "b.flac")
    record(library, other, WHOLE)
    [handle] = record(library, file, WHOLE).passages
    retagged = replace(
        WHOLE,
        title="Be My Husband",
        song=IdentifiedSong(mbid(12), "Be My Husband"),
        albums=(album_identity("Live", "Nina Simone", mbid(32)),),
    )
    for _ in range(2):
        assert record(library, file, retagged).passages[0].guid == handle.guid
    row = load(library, Passage, handle.guid)
    assert (row.title, row.recording_mbid) == ("Be My Husband", mbid(12))
    assert songs_of(library) == {file: [mbid(12)], other: [mbid(11)]}
    assert albums_of(library) == {file: [mbid(32)], other: [mbid(31)]}
    assert load(library, Song, row.song_id).recording_mbid == mbid(12)


@pytest.mark.parametrize(
    ("before", "after", "linked"),
    [
        pytest.param((None, None), (None, 31), [31], id="the id becomes known"),
        pytest.param((None, 31), (None, None), [31], id="the id is forgotten"),
        pytest.param((None, 31), (None, 32), [32], id="another release of the same name"),
        pytest.param((None, 31), ("Live", None), ["live"], id="another name without id"),
        pytest.param(("Live", None), (None, 31), [31], id="a known id after another name"),
        pytest.param((None, 31), ("Live", 31), [31], id="another name of the same id"),
    ],
)
def test_a_retagged_album_is_linked_once_whatever_of_it_changed(
    library: Library,
    before: tuple[str | None, int | None],
    after: tuple[str | None, int | None],
    linked: list[int | str],
) -> None:
    file = add_file(library)
    for title, number in (before, after, after):
        album = album_identity(
            title or "Pastel Blues", "Nina Simone", None if number is None else mbid(number)
        )
        record(library, file, passage(albums=(album,)))
    assert albums_of(library) == {
        file: [mbid(n) if isinstance(n, int) else f"title:nina simone/{n}" for n in linked]
    }


def test_an_album_that_an_older_service_wrote_without_key_is_left_when_retagged(
    library: Library,
) -> None:
    file = add_file(library)
    record(library, file, passage(albums=(PASTEL_BLUES,)))
    with library.begin_monitored("an older service") as session:
        session.execute(sa.text("UPDATE albums SET identity_key = NULL"))
    record(library, file, passage(albums=(album_identity("Live", "Nina Simone"),)))
    assert albums_of(library) == {file: ["title:nina simone/live"]}


def test_artists_of_a_passage_without_a_song_get_rows(library: Library) -> None:
    record(library, add_file(library), passage(artists=(artist_identity("Nobody"),)))
    assert stored(library, Artist.artist_mbid, Artist.name) == [("name:nobody", "Nobody")]
    assert count(library, Song) == count(library, SongArtist) == 0


def test_an_import_does_not_undo_what_was_tuned_or_learned_of_shared_rows(
    library: Library,
) -> None:
    first, second = add_file(library, "a.flac"), add_file(library, "b.flac")
    record(library, first, WHOLE)
    tuned = {"base_probability": 2.5, "min_cooldown": 60, "ramping_cooldown": 90}
    for table, model in (("songs", Song), ("artists", Artist), ("works", WorkRow)):
        [(guid,)] = stored(library, model.guid)
        set_columns(library, table, guid, **tuned)
    [(song,)] = stored(library, Song.guid)
    flavor = {"lyrics": "Oh, sinnerman", "status": SongStatus.FLAVOR_READY}
    set_columns(library, "songs", song, **flavor)
    before = {table: dump(library)[table] for table in ("songs", "artists", "works", "albums")}
    other = replace(SINNERMAN, title="Sinner Man", artist_name="N. Simone")
    record(library, second, replace(WHOLE, song=other))
    assert {table: dump(library)[table] for table in before} == before
    assert count(library, PassageSong) == 2
