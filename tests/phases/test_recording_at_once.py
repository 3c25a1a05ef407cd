"""Workers that record the same things at once end as if one had come after the other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.phases.importing import (
    add_file,
    count,
    in_order,
    mbid,
    race,
    record,
    set_columns,
    stored,
)
from tests.phases.recordings import (
    HEARD,
    SINNERMAN,
    WHOLE,
    album_side,
    passage,
    recording,
    shares,
    spans,
)
from wkmp_orm import Album, Artist, Passage, Phase, Song
from wkmp_orm import Work as WorkRow
from wkmp_orm.errors import ConditionNotMetError
from wkmp_orm.models import FileStatus, ImportProvenance, PassageSong, SongArtist
from wkmp_orm.phases import IdentifiedSong, artist_identity, record_passages

if TYPE_CHECKING:
    from collections.abc import Callable

    from wkmp_orm import Library, UnitOfWork
    from wkmp_orm.phases import Recording


def test_two_files_that_bring_the_same_new_song_at_once_share_it(library: Library) -> None:
    for number in range(10):
        song = replace(SINNERMAN, recording_mbid=mbid(1_000 + number))
        files = [add_file(library, f"{number}-{n}.flac") for n in range(3)]
        race(
            library,
            Phase.RECORDING,
            *(recording(file, replace(WHOLE, song=song)) for file in files),
        )
    assert count(library, Song) == 10
    assert count(library, Passage) == count(library, PassageSong) == 30
    assert count(library, SongArtist) == 10
    assert count(library, Artist) == count(library, Album) == count(library, WorkRow) == 1


def test_a_song_that_is_deleted_meanwhile_is_made_again(library: Library) -> None:
    file = add_file(library, "a.flac")
    record(library, add_file(library, "b.flac"), WHOLE)
    deletions = [stored(library, Song.guid)[0][0]]

    def fill(work: UnitOfWork) -> Recording:
        recorded = record_passages(work, file, [WHOLE])
        if deletions:
            with library.unit_of_work("a user") as theirs:
                theirs.songs.delete(deletions.pop())
        return recorded

    in_order(library, Phase.RECORDING, fill)
    [(song,)] = stored(library, Song.guid)
    assert stored(library, PassageSong.song_id) == [(song,)]


def test_two_workers_that_record_one_file_at_once_end_with_one_set(library: Library) -> None:
    for number in range(10):
        file = add_file(library, f"{number}.flac")
        race(library, Phase.RECORDING, *[recording(file, *album_side())] * 3)
        assert spans(library, file) == [0, 1, 2]
    assert count(library, ImportProvenance) == 30


def test_two_workers_that_divide_one_file_differently_at_once_end_with_one_set(
    library: Library,
) -> None:
    for number in range(10):
        file = add_file(library, f"{number}.flac")
        if number % 2:
            record(library, file, passage(7), passage(8))
        race(
            library,
            Phase.RECORDING,
            recording(file, passage(0), passage(1), passage(8)),
            recording(file, passage(1), passage(2), passage(3)),
        )
        assert spans(library, file) in ([0, 1, 8], [1, 2, 3])


def test_two_workers_with_the_same_news_of_a_known_passage_record_it_once(
    library: Library,
) -> None:
    for number in range(10):
        file = add_file(library, f"{number}.flac")
        record(library, file, passage())
        race(library, Phase.RECORDING, *[recording(file, passage(provenance=(HEARD,)))] * 3)
        assert count(library, ImportProvenance) == number + 1


@pytest.mark.parametrize("how", [in_order, race])
def test_files_that_credit_one_song_to_different_artists_do_not_push_it_past_one(
    library: Library, how: Callable[..., Any]
) -> None:
    john = artist_identity("John Lennon", mbid(41))
    yoko = artist_identity("Yoko Ono", mbid(42))
    for number in range(5):
        song = IdentifiedSong(mbid(50 + number), "Imagine", artists=(john,))
        files = [add_file(library, f"{number}-{n}.flac") for n in range(3)]
        how(
            library,
            Phase.RECORDING,
            recording(files[0], passage(song=song)),
            recording(files[1], passage(song=replace(song, artists=(john, yoko)))),
            recording(files[2], passage(song=replace(song, artists=(yoko,)))),
        )
    assert [sum(each) for each in shares(library)] == pytest.approx([1.0] * 5)
    assert count(library, PassageSong) == 15


def test_a_file_that_becomes_a_duplicate_meanwhile_is_not_recorded(library: Library) -> None:
    file = add_file(library)
    demotions = [FileStatus.DUPLICATE_HASH]

    def fill(work: UnitOfWork) -> None:
        record_passages(work, file, [WHOLE])
        if demotions:
            set_columns(library, "files", file, status=demotions.pop())

    with pytest.raises(ConditionNotMetError, match="is a duplicate"):
        in_order(library, Phase.RECORDING, fill)
    assert count(library, Passage) == 0
