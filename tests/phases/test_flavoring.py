"""A song's first flavor stands, and that no source knows one is said as well."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tests.flush.stored import age, dump
from tests.phases.importing import (
    SECOND,
    add_file,
    count,
    in_order,
    load,
    mbid,
    race,
    record,
    set_columns,
    stored,
    texts,
    watching,
)
from tests.phases.recordings import HEARD, amplitude, passage
from wkmp_orm import Passage, Phase, Song
from wkmp_orm.models import ImportProvenance, SongStatus, SourceType
from wkmp_orm.phases import (
    IdentifiedSong,
    finalize_file,
    pending_songs,
    record_amplitude,
    record_flavors,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wkmp_orm import Library, UnitOfWork
    from wkmp_orm.phases import PendingSong

PENDING, READY, FAILED = SongStatus


@dataclass(frozen=True)
class Known:
    """A flavor."""

    source: str = "AcousticBrainz"
    vector: dict[str, Any] = field(default_factory=lambda: {"bpm": 120.5, "key": "C"})


def add_songs(library: Library, *numbers: int, path: str = "a.flac") -> str:
    """Add a file with a passage of a second for each song, and return its guid."""
    file = add_file(library, path)
    passages = [
        passage(place, song=IdentifiedSong(mbid(number))) for place, number in enumerate(numbers)
    ]
    record(library, file, *passages)
    return file


def guid_of(library: Library, number: int) -> str:
    guids: dict[str, str] = dict(stored(library, Song.recording_mbid, Song.guid))
    return guids[mbid(number)]


def pending(library: Library, file: str) -> list[PendingSong]:
    return pending_songs(library, file)


def flavoring(file: str, flavors: Mapping[str, Known | None]) -> Callable[[UnitOfWork], None]:
    return lambda work: record_flavors(work, file, flavors)


def flavor(library: Library, file: str, flavors: Mapping[str, Known | None]) -> None:
    in_order(library, Phase.FLAVORING, flavoring(file, flavors))


def statuses(library: Library) -> list[SongStatus]:
    return [status for _, status in stored(library, Song.recording_mbid, Song.status)]


def told(library: Library) -> list[tuple[Any, ...]]:
    """Read which seconds of which files have a flavor extraction."""
    rows = stored(library, ImportProvenance.passage_id, ImportProvenance.source_type)
    return sorted(
        (row.file_id, row.start_time_ticks // SECOND)
        for row in (
            load(library, Passage, guid)
            for guid, source in rows
            if source is SourceType.FLAVOR_EXTRACTOR
        )
    )


def test_the_pending_songs_of_a_file_come_once_with_their_longest_span(library: Library) -> None:
    file = add_file(library)
    one, two = IdentifiedSong(mbid(1)), IdentifiedSong(mbid(2))
    long = replace(passage(3, song=one), end_time_ticks=9 * SECOND)
    record(library, file, passage(0, song=one), passage(1, song=two), passage(2), long)
    add_songs(library, 3, path="b.flac")
    first, second = pending(library, file)
    assert (first.guid, first.recording_mbid) == (guid_of(library, 1), mbid(1))
    assert (first.start_time_ticks, first.end_time_ticks) == (3 * SECOND, 9 * SECOND)
    assert (second.recording_mbid, second.start_time_ticks) == (mbid(2), SECOND)
    for status in (READY, FAILED):
        set_columns(library, "songs", first.guid, status=status)
        assert pending(library, file) == [second]


def test_a_flavor_is_stored_as_older_readers_look_for_it(library: Library) -> None:
    file = add_songs(library, 1)
    song = guid_of(library, 1)
    flavor(library, file, {song: Known("Essentia", {"bpm": 99.5, "scale": None})})
    row: Song = load(library, Song, song)
    assert row.flavor_vector == {"bpm": 99.5, "scale": None, "source": "essentia"}
    assert (row.flavor_source_blend, row.status) == (["Essentia"], READY)


def test_a_flavor_that_nobody_knows_is_a_failure_that_is_stored_and_settles(
    library: Library,
) -> None:
    file = add_songs(library, 1)
    flavor(library, file, {guid_of(library, 1): None})
    assert statuses(library) == [FAILED]
    with library.unit_of_work(Phase.FINALIZATION) as work:
        record_amplitude(work, file, [amplitude()])
        finalize_file(work, file)
    assert told(library) == []


def test_what_is_ready_stays_as_it_is_and_that_is_no_error(library: Library) -> None:
    file, other = add_songs(library, 1), add_songs(library, 1, path="b.flac")
    song = guid_of(library, 1)
    flavor(library, file, {song: Known()})
    flavor(library, other, {})
    age(library)
    before = dump(library)
    for later in (Known("Essentia"), None):
        flavor(library, other, {song: later})
        assert dump(library) == before


def test_a_failure_gives_way_to_a_flavor(library: Library) -> None:
    file = add_songs(library, 1)
    song = guid_of(library, 1)
    for given, status in ((None, FAILED), (None, FAILED), (Known(), READY), (None, READY)):
        flavor(library, file, {song: given})
        assert statuses(library) == [status]
    assert load(library, Song, song).flavor_source_blend == ["AcousticBrainz"]


def test_a_failure_again_moves_no_clock(library: Library) -> None:
    file = add_songs(library, 1)
    flavor(library, file, {guid_of(library, 1): None})
    age(library)
    before = dump(library)
    flavor(library, file, {guid_of(library, 1): None})
    assert dump(library) == before


def test_many_songs_are_one_executemany_for_each_table_in_one_transaction(
    library: Library,
) -> None:
    file = add_songs(library, *range(1, 13))
    songs = [song.guid for song in pending(library, file)]
    flavors = {guid: Known() if place % 2 else None for place, guid in enumerate(songs)}
    with watching(library) as recorder:
        flavor(library, file, flavors)
    assert texts(recorder) == ["UPDATE songs x12", "INSERT import_provenance x6"]
    assert len(recorder.attempts) == len(recorder.transactions) == 1
    assert sorted(statuses(library)) == [READY] * 6 + [FAILED] * 6


def test_every_passage_whose_song_is_ready_says_so_once_whichever_file_it_is_of(
    library: Library,
) -> None:
    file, other = add_songs(library, 1, 2, 1), add_songs(library, 1, 2, path="b.flac")
    flavors = {guid_of(library, 1): Known(), guid_of(library, 2): None}
    for _ in range(2):
        flavor(library, file, flavors)
        assert told(library) == [(file, 0), (file, 2)]
    for _ in range(2):
        flavor(library, other, {})
        assert told(library) == sorted([(file, 0), (file, 2), (other, 0)])
    with library.reader() as session:
        extraction, *others = session.scalars(sa.select(ImportProvenance)).all()
    assert extraction.data_extracted == {
        "has_metadata": False,
        "has_identity": False,
        "has_flavor": True,
    }
    assert (extraction.confidence, extraction.timestamp is None) == (None, False)
    assert len({each.id for each in (extraction, *others)}) == 3


def test_nothing_to_be_told_is_no_transaction(library: Library) -> None:
    file = add_songs(library, 1, 2)
    flavor(library, file, {guid_of(library, 1): Known(), guid_of(library, 2): None})
    songless = add_file(library, "without songs.flac")
    with watching(library) as recorder:
        flavor(library, file, {})
        flavor(library, songless, {})
    assert recorder.attempts == []


def test_recording_the_file_again_keeps_the_extraction(library: Library) -> None:
    file = add_file(library)
    recorded = passage(0, song=IdentifiedSong(mbid(1)), provenance=(HEARD,))
    for _ in range(2):
        record(library, file, recorded)
        flavor(library, file, {guid_of(library, 1): Known()})
        assert count(library, ImportProvenance) == 2


def test_of_files_that_settle_one_song_at_once_one_flavor_stands_whole(library: Library) -> None:
    one, two = Known("AcousticBrainz", {"bpm": 1}), Known("Essentia", {"key": "C"})
    for number in range(10):
        files = [add_songs(library, number, path=f"{number}-{n}.flac") for n in range(4)]
        song = guid_of(library, number)
        fills = [
            flavoring(file, {song: given})
            for file, given in zip(files, (one, two, None, None), strict=True)
        ]
        race(library, Phase.FLAVORING, *fills)
        row: Song = load(library, Song, song)
        assert row.status is READY
        assert (row.flavor_source_blend, row.flavor_vector) in [
            ([each.source], each.vector | {"source": each.source.lower()}) for each in (one, two)
        ]


def test_files_that_settle_the_same_songs_in_other_orders_at_once_do_not_lock_each_other_out(
    library: Library,
) -> None:
    numbers = range(1, 121)
    files = [add_songs(library, *numbers, path=f"{n}.flac") for n in range(4)]
    songs = [guid_of(library, number) for number in numbers]
    fills = []
    for place, file in enumerate(files):
        order = songs if place % 2 else list(reversed(songs))
        known = dict.fromkeys(order[:60], Known()) | dict.fromkeys(order[60:])
        fills.append(flavoring(file, known))
    with watching(library) as recorder:
        race(library, Phase.FLAVORING, *fills)
    assert len(recorder.attempts) == 4
    assert set(statuses(library)) == {READY}


def test_workers_at_one_file_at_once_tell_it_once(library: Library) -> None:
    for number in range(10):
        file = add_songs(library, 100 + number, path=f"{number}.flac")
        song = guid_of(library, 100 + number)
        if number % 2:
            set_columns(library, "songs", song, status=READY)
        race(
            library, Phase.FLAVORING, *[flavoring(file, {} if number % 2 else {song: Known()})] * 3
        )
    assert len(told(library)) == len(set(told(library))) == 10


@pytest.mark.parametrize("blend", [["Elsewhere"], None], ids=["named", "unnamed"])
def test_a_flavor_that_another_program_stored_stays_and_is_not_called_another_sources(
    library: Library, blend: list[str] | None
) -> None:
    file = add_songs(library, 1)
    song = guid_of(library, 1)
    set_columns(library, "songs", song, flavor_vector={"bpm": 1}, flavor_source_blend=blend)
    flavor(library, file, {song: Known("Essentia", {"bpm": 2})})
    row: Song = load(library, Song, song)
    assert (row.status, row.flavor_vector, row.flavor_source_blend) == (READY, {"bpm": 1}, blend)
