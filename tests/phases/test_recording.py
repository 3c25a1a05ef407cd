"""A recording is whole, says what is known, and writes nothing that is stored already."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tests.flush.stored import age, dump, row_of
from tests.phases.importing import (
    SECOND,
    add_file,
    count,
    load,
    mbid,
    record,
    status_of,
    stored,
    texts,
    watching,
)
from tests.phases.recordings import HEARD, SINNERMAN, WHOLE, album_side, passage
from wkmp_orm import Album, Passage, Song, new_guid
from wkmp_orm.errors import (
    ConditionNotMetError,
    ConstraintViolationError,
    InvalidRowError,
    RowNotFoundError,
    StoredValueError,
)
from wkmp_orm.models import (
    FileStatus,
    ImportProvenance,
    PassageAlbum,
    PassageSong,
    SongArtist,
    SourceType,
)
from wkmp_orm.phases import Extraction, album_identity, artist_identity, start_session

if TYPE_CHECKING:
    from wkmp_orm import Library


@pytest.mark.smoke
def test_a_recording_is_whole_and_one_transaction(library: Library) -> None:
    file = add_file(library)
    with watching(library) as recorder:
        recorded = record(library, file, WHOLE)
    assert len(recorder.transactions) == len(recorder.attempts) == 1
    [handle] = recorded.passages
    row = load(library, Passage, handle.guid)
    song = load(library, Song, row.song_id)
    assert (row.title, row.artist, row.album, row.mbid_confidence, row.lead_in_start_ticks) == (
        "Sinnerman",
        "Nina Simone",
        "Pastel Blues",
        0.85,
        1_000,
    )
    assert (row.recording_mbid, song.recording_mbid) == (mbid(11), mbid(11))
    assert (song.title, song.artist_name) == ("Sinnerman", "Nina Simone")
    assert stored(library, PassageSong.passage_id, PassageSong.song_id) == [(row.guid, song.guid)]
    assert stored(library, PassageAlbum.passage_id) == [(row.guid,)]
    assert stored(library, Album.title, Album.release_date) == [("Pastel Blues", "1965-10")]
    assert stored(library, SongArtist.song_id, SongArtist.weight) == [(song.guid, 1.0)]
    assert status_of(library, file) is FileStatus.PROCESSING


@pytest.mark.smoke
def test_recording_the_same_again_writes_nothing(library: Library) -> None:
    file = add_file(library)
    nameless = replace(
        passage(9),
        artists=(artist_identity("Nobody"),),
        albums=(album_identity("Nothing", "Nobody", None, "1970"),),
    )
    passages = [WHOLE, *album_side()[1:], nameless]
    first = record(library, file, *passages)
    age(library)
    before = dump(library)
    with watching(library) as recorder:
        again = record(library, file, *passages)
    assert recorder.attempts == []
    assert dump(library) == before
    assert [handle.guid for handle in again.passages] == [h.guid for h in first.passages]


def test_what_is_unknown_this_time_stays_known(library: Library) -> None:
    file = add_file(library)
    [handle] = record(library, file, WHOLE).passages
    before = row_of(library, "passages", handle.guid)
    with watching(library) as recorder:
        record(library, file, passage(0))
    assert recorder.attempts == []
    assert row_of(library, "passages", handle.guid) == before
    assert count(library, PassageSong) == count(library, PassageAlbum) == 1


def test_an_unknown_confidence_is_null_and_a_known_one_is_what_was_said(library: Library) -> None:
    record(library, add_file(library), WHOLE)
    with library.reader() as session:
        rows = session.scalars(sa.select(ImportProvenance)).all()
    said = {(row.source_type, row.confidence): row.data_extracted for row in rows}
    assert said == {
        (SourceType.IDENTITY_EXTRACTOR, 0.85): HEARD.data_extracted,
        (SourceType.METADATA_EXTRACTOR, None): None,
    }


def test_the_same_extraction_again_is_no_news_however_it_is_spelled(library: Library) -> None:
    file = add_file(library)
    data: dict[str, Any] = {"matches": (1, 2.5), "nested": {"of": ("a", None)}}
    said = Extraction(SourceType.FLAVOR_EXTRACTOR, data, 1.0)
    with_lists = replace(said, data_extracted={"nested": {"of": ["a", None]}, "matches": [1, 2.5]})
    for extraction in (said, with_lists, replace(said, confidence=1), said):
        record(library, file, passage(provenance=(extraction, extraction)))
        assert count(library, ImportProvenance) == 1
    record(library, file, passage(provenance=(replace(said, confidence=0.9), said)))
    assert count(library, ImportProvenance) == 2


def test_new_passages_say_which_session_they_came_with_and_known_ones_keep_theirs(
    library: Library,
) -> None:
    file = add_file(library)
    session_id = start_session(library, "/music", {})
    first = record(library, file, passage(0), session_id=session_id)
    row = load(library, Passage, first.passages[0].guid)
    assert row.import_session_id == session_id
    assert row.import_timestamp is not None
    record(library, file, passage(0, title="Sinnerman"), passage(1))
    rows = stored(library, Passage.start_time_ticks, Passage.import_session_id)
    assert rows == [(0, session_id), (SECOND, None)]


def test_a_recording_that_is_refused_leaves_nothing_behind(library: Library) -> None:
    file = add_file(library)
    before = dump(library)
    for session_id in (new_guid(), "no guid"):
        with pytest.raises((ConstraintViolationError, InvalidRowError), match="import_session_id"):
            record(library, file, *album_side(), session_id=session_id)
        assert dump(library) == before


def test_a_file_that_is_not_there_is_named(library: Library) -> None:
    missing = new_guid()
    with pytest.raises(RowNotFoundError, match=missing):
        record(library, missing, WHOLE)


def test_the_passages_of_a_duplicate_are_not_recorded(library: Library) -> None:
    file = add_file(library, status=FileStatus.DUPLICATE_HASH)
    with pytest.raises(ConditionNotMetError, match="is a duplicate"):
        record(library, file, WHOLE)
    assert count(library, Passage) == 0


def test_a_file_in_which_sound_was_found_after_all_is_being_processed(library: Library) -> None:
    for status in (FileStatus.NO_AUDIO, FileStatus.PENDING, FileStatus.PROCESSING):
        file = add_file(library, f"{status}.flac", status=status)
        record(library, file, passage())
        assert status_of(library, file) is FileStatus.PROCESSING


def test_a_complete_file_that_is_recorded_again_stays_complete(library: Library) -> None:
    file = add_file(library, status=FileStatus.INGEST_COMPLETE)
    record(library, file, WHOLE)
    assert status_of(library, file) is FileStatus.INGEST_COMPLETE


def test_a_hundred_passages_are_as_many_statements_as_two(library: Library) -> None:
    record(library, add_file(library, "known.flac"), WHOLE)
    for number, songs in enumerate((2, 100)):
        file = add_file(library, f"{number}.flac")
        side = [
            replace(each, song=replace(SINNERMAN, recording_mbid=mbid(1_000 * (number + 1) + n)))
            for n, each in enumerate(album_side(songs))
        ]
        with watching(library) as recorder:
            record(library, file, *side)
        assert sorted(texts(recorder)) == [
            f"INSERT import_provenance x{songs}",
            f"INSERT passage_albums x{songs}",
            f"INSERT passage_songs x{songs}",
            f"INSERT passages x{songs}",
            f"INSERT song_artists x{songs}",
            f"INSERT song_works x{songs}",
            f"INSERT songs x{songs}",
            "UPDATE files",
        ]


def test_json_that_cannot_be_read_stops_only_the_recording_that_would_replace_it(
    sqlite_library: Library,
) -> None:
    file = add_file(sqlite_library)
    [handle] = record(sqlite_library, file, passage()).passages
    with sqlite_library.begin_monitored("an older service") as session:
        session.execute(sa.text("UPDATE passages SET validation_report = '{oops'"))
    again = record(sqlite_library, file, passage(title="Sinnerman"))
    assert again.passages[0].guid == handle.guid
    assert stored(sqlite_library, Passage.title) == [("Sinnerman",)]
    with pytest.raises(StoredValueError, match="cannot be read; correct it in the database"):
        record(sqlite_library, file, passage(columns={"validation_report": {"score": 1.0}}))
