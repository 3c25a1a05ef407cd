"""A file's passages are what the latest recording says, with all that a user gave them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
import sqlalchemy as sa

from tests.flush.stored import age, dump, row_of
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
    status_of,
    stored,
    texts,
    watching,
)
from wkmp_orm import (
    Album,
    Artist,
    ConditionNotMetError,
    ConstraintViolationError,
    FadeCurve,
    FileStatus,
    ImportProvenance,
    InvalidRowError,
    Passage,
    PassageAlbum,
    PassageSong,
    PassageStatus,
    Phase,
    RowNotFoundError,
    Song,
    SongArtist,
    SongStatus,
    SongWork,
    SourceType,
    StoredValueError,
    new_guid,
)
from wkmp_orm import Work as WorkRow
from wkmp_orm.phases import (
    Extraction,
    IdentifiedSong,
    RecordedPassage,
    Work,
    album_identity,
    artist_identity,
    complete_passages,
    finalize_file,
    record_passages,
    start_session,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from wkmp_orm import Library, UnitOfWork
    from wkmp_orm.phases import Recording

NINA: Final = artist_identity("Nina Simone", mbid(1))
SINNERMAN: Final = IdentifiedSong(
    mbid(11),
    title="Sinnerman",
    artist_name="Nina Simone",
    artists=(NINA,),
    works=(Work(mbid(21), "Sinner Man"),),
)
HEARD: Final = Extraction(
    SourceType.IDENTITY_EXTRACTOR, {"has_identity": True, "matches": [1, 2.5, "three"]}, 0.85
)
UNSURE: Final = Extraction(SourceType.METADATA_EXTRACTOR)
PASTEL_BLUES: Final = album_identity("Pastel Blues", "Nina Simone", mbid(31), "1965-10")


def passage(number: int = 0, **what: Any) -> RecordedPassage:
    """Make a passage of a second."""
    return RecordedPassage(number * SECOND, (number + 1) * SECOND, **what)


WHOLE: Final = passage(
    0,
    title="Sinnerman",
    artist="Nina Simone",
    album="Pastel Blues",
    song=SINNERMAN,
    albums=(PASTEL_BLUES,),
    provenance=(HEARD, UNSURE),
    columns={"mbid_confidence": 0.85, "lead_in_start_ticks": 1_000},
)


def album_side(songs: int = 3) -> list[RecordedPassage]:
    """Make the passages of a long file."""
    return [
        replace(
            passage(n),
            title=f"Song {n}",
            song=IdentifiedSong(mbid(100 + n), f"Song {n}", artists=(NINA,)),
            albums=(PASTEL_BLUES,),
            provenance=(HEARD,),
        )
        for n in range(songs)
    ]


def spans(library: Library, file: str) -> list[int]:
    """Read which seconds of a file are passages."""
    rows = stored(library, Passage.file_id, Passage.start_time_ticks)
    return [start // SECOND for of_file, start in rows if of_file == file]


def recording(file: str, *passages: RecordedPassage) -> Callable[[UnitOfWork], Recording]:
    """Return what records a file, for a unit of work."""
    return lambda work: record_passages(work, file, passages)


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


def test_the_same_again_writes_nothing_beside_leftovers_and_a_settled_file(
    library: Library,
) -> None:
    file = add_file(library)
    old = record(library, file, passage(5)).passages[0].guid
    set_columns(library, "passages", old, user_title="mine")
    record(library, file, WHOLE)
    with library.unit_of_work(Phase.FINALIZATION) as work:
        complete_passages(work, file)
        finalize_file(work, file, songs_settled=False)
    with watching(library) as recorder:
        assert record(library, file, WHOLE).kept == [old]
    assert recorder.attempts == []
    assert status_of(library, file) is FileStatus.INGEST_COMPLETE


def test_another_segmentation_replaces_the_passages_and_keeps_those_of_the_same_span(
    library: Library,
) -> None:
    file, other = add_file(library, "a.flac"), add_file(library, "b.flac")
    record(library, other, *album_side())
    before = [handle.guid for handle in record(library, file, *album_side(4)).passages]
    after = record(library, file, *album_side(6)[2:])
    assert spans(library, file) == [2, 3, 4, 5]
    assert spans(library, other) == [0, 1, 2]
    assert [handle.guid for handle in after.passages[:2]] == before[2:]
    assert after.kept == []
    orphans = sa.select(PassageSong).where(PassageSong.passage_id.in_(before[:2]))
    with library.reader() as session:
        assert session.scalars(orphans).all() == []


def test_running_ten_times_never_appends(library: Library) -> None:
    file = add_file(library)
    for n in range(10):
        record(library, file, *album_side(3 + n % 2))
    assert spans(library, file) == [0, 1, 2, 3]
    assert count(library, ImportProvenance) == 4
    record(library, file)
    assert spans(library, file) == []
    assert count(library, ImportProvenance) == 0


USERS_OWN: Final = {
    "user_title": "The long one",
    "fade_in_start_ticks": 5 * SECOND + 1,
    "fade_out_start_ticks": 5 * SECOND + 2,
    "fade_in_curve": FadeCurve.COSINE,
    "fade_out_curve": FadeCurve.LINEAR,
}


def test_a_passage_that_a_user_edited_is_kept_and_reported_when_its_span_is_gone(
    library: Library,
) -> None:
    for column, value in USERS_OWN.items():
        file = add_file(library, f"{column}.flac")
        record(library, file, passage(4), passage(5))
        [(edited,)] = stored_in(library, file, 5)
        set_columns(library, "passages", edited, **{column: value})
        assert record(library, file, passage(0)).kept == [edited]
        assert spans(library, file) == [0, 5]
        assert getattr(load(library, Passage, edited), column) == value


def stored_in(library: Library, file: str, second: int) -> list[tuple[Any, ...]]:
    query = sa.select(Passage.guid).where(
        Passage.file_id == file, Passage.start_time_ticks == second * SECOND
    )
    with library.reader() as session:
        return [tuple(row) for row in session.execute(query)]


def test_what_a_user_owns_is_never_written_by_an_import(library: Library) -> None:
    file = add_file(library)
    [handle] = record(library, file, passage(5, title="Sinnerman")).passages
    set_columns(library, "passages", handle.guid, **USERS_OWN)
    said = dict.fromkeys(USERS_OWN) | {"user_title": "not the user's", "fade_in_curve": "linear"}
    record(library, file, passage(5, title="Sinnerman (Live)", columns=said))
    row = row_of(library, "passages", handle.guid)
    assert {column: row[column] for column in USERS_OWN} == USERS_OWN
    assert row["title"] == "Sinnerman (Live)"


def test_a_kept_passage_does_not_hold_its_file_back(library: Library) -> None:
    file = add_file(library)
    [old] = record(library, file, passage(5)).passages
    set_columns(library, "passages", old.guid, user_title="mine")
    [new] = record(library, file, passage(0)).passages
    set_columns(library, "passages", new.guid, status=PassageStatus.INGEST_COMPLETE)
    with library.unit_of_work(Phase.FINALIZATION) as work:
        finalize_file(work, file)
    assert status_of(library, file) is FileStatus.INGEST_COMPLETE


def test_an_edit_at_the_last_moment_is_kept_and_reported(library: Library) -> None:
    file = add_file(library)
    [old] = record(library, file, passage(5)).passages
    edits = ["mine"]

    def fill(work: UnitOfWork) -> Recording:
        recorded = record_passages(work, file, [passage(0)])
        if edits:
            set_columns(library, "passages", old.guid, user_title=edits.pop())
        return recorded

    [recorded] = in_order(library, Phase.RECORDING, fill)
    assert recorded.kept == [old.guid]
    assert spans(library, file) == [0, 5]


def test_what_is_unknown_this_time_stays_known(library: Library) -> None:
    file = add_file(library)
    [handle] = record(library, file, WHOLE).passages
    before = row_of(library, "passages", handle.guid)
    with watching(library) as recorder:
        record(library, file, passage(0))
    assert recorder.attempts == []
    assert row_of(library, "passages", handle.guid) == before
    assert count(library, PassageSong) == count(library, PassageAlbum) == 1


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


def test_the_weights_of_a_songs_artists_sum_to_one(library: Library) -> None:
    for number, artists in enumerate((1, 2, 3, 7)):
        credited = tuple(artist_identity(f"Artist {n}", mbid(40 + n)) for n in range(artists))
        song = IdentifiedSong(mbid(50 + number), artists=(*credited, credited[0]))
        record(library, add_file(library, f"{number}.flac"), passage(song=song))
    weights = shares(library)
    assert [len(each) for each in weights] == [1, 2, 3, 7]
    assert [sum(each) for each in weights] == pytest.approx([1.0] * 4)
    assert [min(each) for each in weights] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 7])


def shares(library: Library) -> list[list[float]]:
    """Read the weights of each song's artists, in the order of the songs' ids."""
    query = sa.select(Song.recording_mbid, SongArtist.weight).join(
        SongArtist, SongArtist.song_id == Song.guid
    )
    weights: dict[str, list[float]] = {}
    with library.reader() as session:
        for song, weight in session.execute(query.order_by(Song.recording_mbid)):
            weights.setdefault(song, []).append(weight)
    return list(weights.values())


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


def songs_of(library: Library) -> dict[str, list[str]]:
    return links_of(library, Song.recording_mbid, PassageSong, PassageSong.song_id == Song.guid)


def albums_of(library: Library) -> dict[str, list[str]]:
    return links_of(library, Album.album_mbid, PassageAlbum, PassageAlbum.album_id == Album.guid)


def links_of(library: Library, id_column: Any, link: Any, on: Any) -> dict[str, list[str]]:
    """Read the ids that the passages of each file are linked to."""
    query = (
        sa.select(Passage.file_id, id_column)
        .join(link, link.passage_id == Passage.guid)
        .join(id_column.class_, on)
        .order_by(id_column)
    )
    linked: dict[str, list[str]] = {}
    with library.reader() as session:
        for file, its_id in session.execute(query):
            linked.setdefault(file, []).append(its_id)
    return linked


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
