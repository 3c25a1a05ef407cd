"""Every model has a factory; its rows are the same each time and are stored as they were built."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, cast

import pytest
import sqlalchemy as sa

from tests.testing.one_of_each import columns_of, key_of, one_of_each
from wkmp_orm import Album, File, Library, Passage, Song, UnitOfWork, Work, testing
from wkmp_orm.errors import InvalidRowError
from wkmp_orm.models import (
    Base,
    FileStatus,
    FlushLedger,
    ImportProvenance,
    ImportSession,
    PassageAlbum,
    PassageSong,
    PassageStatus,
    SessionState,
    SongArtist,
    SongStatus,
)
from wkmp_orm.models.tables import TABLES
from wkmp_orm.testing import (
    FACTORIES,
    PASSAGE_TICKS,
    AlbumFactory,
    ArtistFactory,
    FileFactory,
    FlushLedgerFactory,
    ImportProvenanceFactory,
    ImportSessionFactory,
    PassageFactory,
    SongFactory,
    WorkFactory,
    build_recording,
    build_recordings,
    populate,
    put_all,
    reset_sequences,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.conftest import Database

MODELS = [cast("type[Base]", info.model) for info in TABLES.values()]
REQUIRED_KEYS = {
    model: sorted(info.required & info.foreign_keys.keys())
    for model, info in zip(MODELS, TABLES.values(), strict=True)
}


def stored_like(library: Library, rows: Iterable[Base]) -> None:
    """Assert that the database has the rows, with every column that was built."""
    with library.reader() as session:
        for row in rows:
            stored = session.get(type(row), key_of(row))
            assert stored is not None, row
            built = columns_of(row)
            assert {name: getattr(stored, name) for name in built} == built


def count(library: Library, model: type[Base]) -> int:
    """Count the rows of a table."""
    with library.reader() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(model)) or 0


def test_every_model_has_a_factory() -> None:
    assert FACTORIES.keys() == set(MODELS)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_factory_builds_a_row_of_its_model_that_no_session_has_seen(model: type[Base]) -> None:
    factory: Any = FACTORIES[model]
    for row in (factory.build(), factory(), factory.create(), *factory.build_batch(2)):
        assert type(row) is model
        assert sa.inspect(row).transient


def test_a_built_row_of_every_table_is_stored_as_it_was_built(library: Library) -> None:
    rows = one_of_each()
    assert {type(row) for row in rows} == set(MODELS) - {FlushLedger}
    with library.unit_of_work("testing") as work:
        put_all(work, rows)
    stored_like(library, rows)


@pytest.mark.smoke
def test_many_plain_rows_of_every_table_are_stored_as_they_were_built(library: Library) -> None:
    parents: dict[str, Base] = {
        "file_id": FileFactory.build(),
        "song_id": SongFactory.build(),
        "artist_id": ArtistFactory.build(),
        "album_id": AlbumFactory.build(),
        "work_id": WorkFactory.build(),
        "session_id": ImportSessionFactory.build(),
    }
    keys = {name: key_of(row)[0] for name, row in parents.items()}
    passage = PassageFactory.build(file_id=keys["file_id"])
    keys["passage_id"] = passage.guid
    rows = [*parents.values(), passage]
    for model, required in REQUIRED_KEYS.items():
        info = TABLES[model.__tablename__]
        size = 1 if info.is_link or info.natural_key == ("file_id",) else 3
        if model is not FlushLedger:
            given = {name: keys[name] for name in required}
            rows += FACTORIES[model].build_batch(size, **given)
    with library.unit_of_work("testing") as work:
        put_all(work, rows)
    stored_like(library, rows)


def test_the_ledger_of_flushes_is_written_through_a_session(sqlite_database: Database) -> None:
    rows = FlushLedgerFactory.build_batch(3)
    with sqlite_database.open() as library:
        with library.begin_monitored("testing") as session:
            session.add_all(rows)
        assert count(library, FlushLedger) == 3


def test_instances_go_straight_into_the_tables_of_a_unit_of_work(library: Library) -> None:
    with library.unit_of_work("testing") as work:
        file = work.files.put(FileFactory.build())
        passages = work.passages.add_many(PassageFactory.build_batch(24, file_id=file))
        work.import_provenance.add(ImportProvenanceFactory.build(), passage_id=passages[0])
        song = work.songs.put(SongFactory.build())
        work.song_artists.link(song, work.artists.put(ArtistFactory.build()), weight=1.0)
    assert count(library, Passage) == 24


@pytest.mark.parametrize(
    ("model", "column"),
    [(model, column) for model, columns in REQUIRED_KEYS.items() for column in columns],
    ids=lambda part: part if isinstance(part, str) else part.__name__,
)
def test_the_unit_of_work_names_the_foreign_key_that_was_not_given(
    model: type[Base], column: str, unit: UnitOfWork
) -> None:
    others = {name: FileFactory.build().guid for name in REQUIRED_KEYS[model] if name != column}
    table = getattr(unit, model.__tablename__)
    accumulate = table.link_many if TABLES[model.__tablename__].is_link else table.add_many
    with pytest.raises(InvalidRowError) as refused:
        accumulate([FACTORIES[model].build(**others)])
    assert refused.value.field == column


def test_the_same_rows_are_built_after_a_reset() -> None:
    first = [columns_of(row) for row in (*one_of_each(), *build_recording().rows)]
    reset_sequences()
    assert [columns_of(row) for row in (*one_of_each(), *build_recording().rows)] == first


def test_no_two_rows_that_are_built_have_a_key_in_common() -> None:
    recorded = [row for recording in build_recordings(3) for row in recording.rows]
    rows = [*one_of_each(), *one_of_each(), *dict.fromkeys(recorded)]
    keys = Counter((row.__tablename__, key_of(row)) for row in rows)
    assert set(keys.values()) == {1}


def test_processes_that_begin_elsewhere_build_other_rows() -> None:
    here = FileFactory.build()
    reset_sequences(1_000_000)
    there = FileFactory.build()
    assert here.guid != there.guid
    assert here.path != there.path
    assert here.hash != there.hash


def test_a_factory_of_your_own_goes_on_where_ours_stopped() -> None:
    class LongFileFactory(FileFactory):
        duration_ticks = 2**40

    keys = [FileFactory.build().guid, LongFileFactory.build().guid, FileFactory.build().guid]
    assert len(set(keys)) == 3


def test_passages_follow_one_another() -> None:
    first, second = PassageFactory.build_batch(2)
    assert first.start_time_ticks == 0
    assert first.end_time_ticks == second.start_time_ticks


def test_a_passage_that_is_given_a_start_has_its_points_inside() -> None:
    passage = PassageFactory.build(start_time_ticks=7, end_time_ticks=107, tuned=True)
    assert passage.fade_in_start_ticks == 7
    assert passage.lead_in_start_ticks == 17
    assert passage.lead_out_start_ticks == 97
    assert passage.fade_out_start_ticks == 107
    assert PassageFactory.build(start_time_ticks=7).end_time_ticks == 7 + PASSAGE_TICKS


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_tuned_fills_what_users_own_and_nothing_else_does(model: type[Base]) -> None:
    owned = TABLES[model.__tablename__].user_owned
    assert not columns_of(FACTORIES[model].build()).keys() & set(owned)
    if owned:
        tuned = columns_of(FACTORIES[model].build(tuned=True))
        assert all(tuned[name] is not None for name in owned)


def test_complete_rows_have_their_last_status() -> None:
    assert FileFactory.build(complete=True).status is FileStatus.INGEST_COMPLETE
    assert PassageFactory.build(complete=True).status is PassageStatus.INGEST_COMPLETE
    assert SongFactory.build(complete=True).status is SongStatus.FLAVOR_READY
    assert SongFactory.build().status is SongStatus.PENDING


def test_many_sessions_that_ended_are_stored_beside_one_that_runs(library: Library) -> None:
    running = ImportSessionFactory.build(running=True)
    with library.unit_of_work("testing") as work:
        work.import_sessions.add_many([*ImportSessionFactory.build_batch(3), running])
    assert running.state is SessionState.PROCESSING
    assert count(library, ImportSession) == 4


def test_a_recording_is_a_file_with_all_that_belongs_to_it() -> None:
    recording = build_recording(passages=24, songs=18, extractions=3)
    assert len(recording.passages) == 24
    assert len(recording.songs) == 18
    assert len(recording.of(PassageSong)) == len(recording.of(PassageAlbum)) == 24
    assert len(recording.of(ImportProvenance)) == 72
    assert {passage.file_id for passage in recording.passages} == {recording.file.guid}
    assert recording.passages[-1].end_time_ticks == recording.file.duration_ticks
    assert len(recording.of(Work)) == 9


def test_the_shares_of_a_songs_artists_sum_to_one() -> None:
    shares = defaultdict(list)
    for link in build_recording().of(SongArtist):
        shares[link.song_id].append(link.weight)
    assert {tuple(weights) for weights in shares.values()} == {(1.0,), (0.5, 0.5)}


def test_recordings_share_songs_when_there_are_fewer_songs_than_passages() -> None:
    first, second = build_recordings(2, passages=4, songs=6)
    assert len({song.guid for song in (*first.songs, *second.songs)}) == 6
    assert {song.guid for song in first.songs} & {song.guid for song in second.songs}


def test_without_songs_the_passages_are_not_identified(library: Library) -> None:
    (recording,) = populate(library, 1, passages=2, songs=0)
    assert {passage.song_id for passage in recording.passages} == {None}
    assert (count(library, Passage), count(library, Song)) == (2, 0)


def test_a_recording_without_passages_is_a_file_and_its_album() -> None:
    assert [type(row) for row in build_recording(passages=0).rows] == [File, Album]


@pytest.mark.smoke
def test_a_populated_library_holds_every_row_once(library: Library) -> None:
    recordings = populate(library, 3, passages=8)
    rows = {row: None for recording in recordings for row in recording.rows}
    for model in {type(row) for row in rows}:
        assert count(library, model) == sum(type(row) is model for row in rows)
    stored_like(library, rows)


def test_a_recording_that_is_put_again_changes_nothing(library: Library) -> None:
    (recording,) = populate(library, 1)
    with library.unit_of_work("testing") as work:
        recording.put_into(work, again=True)
    assert work.report is not None
    assert not any(
        rows.inserted or rows.updated or rows.deleted for rows in work.report.rows.values()
    )


def test_links_go_to_the_song_that_was_stored_before_under_another_guid(library: Library) -> None:
    recording = build_recording(passages=1, songs=1)
    with library.unit_of_work("testing") as work:
        work.songs.put(recording_mbid=recording.songs[0].recording_mbid, title="Stored before")
    with library.unit_of_work("testing") as work:
        handles = recording.put_into(work)
    stored = handles[recording.songs[0].guid].guid
    assert stored != recording.songs[0].guid
    with library.reader() as session:
        assert session.scalars(sa.select(PassageSong.song_id)).all() == [stored]
        assert session.scalars(sa.select(Passage.song_id)).all() == [stored]


def test_all_public_names_are_there() -> None:
    assert all(hasattr(testing, name) for name in testing.__all__)
    factories = {factory.__name__ for factory in FACTORIES.values()}
    assert factories <= set(testing.__all__)


@pytest.mark.parametrize("package", ["factory", "hypothesis"])
def test_without_the_extra_the_error_says_what_to_install(package: str) -> None:
    program = f"import sys; sys.modules[{package!r}] = None; import wkmp_orm.testing.strategies"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert f"ConfigurationError: {package} is not installed" in ended.stderr
    assert "pip install 'wkmp_orm[testing]'" in ended.stderr
