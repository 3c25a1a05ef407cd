"""Recording a file again: its passages are what is said now, with what a user gave them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from tests.flush.stored import age, row_of
from tests.phases.importing import (
    SECOND,
    add_file,
    count,
    in_order,
    load,
    record,
    set_columns,
    status_of,
    stored,
    watching,
)
from tests.phases.recordings import WHOLE, album_side, passage, spans
from wkmp_orm import Passage, Phase
from wkmp_orm.models import FadeCurve, FileStatus, ImportProvenance, PassageSong, PassageStatus
from wkmp_orm.phases import complete_passages, finalize_file, record_passages

if TYPE_CHECKING:
    from wkmp_orm import Library, UnitOfWork
    from wkmp_orm.phases import Recording


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


def test_entries_of_the_metadata_are_kept_beside_those_of_others(library: Library) -> None:
    file = add_file(library)
    (first,) = record(library, file, passage(0, metadata={"release_group": "one"})).passages
    assert load(library, Passage, first.guid).import_metadata == {"release_group": "one"}
    others = {"amplitude_analysis": {"peak_rms": 0.5}, "theirs": [1, 2]}
    set_columns(library, "passages", first.guid, import_metadata=others)
    for told in ("one", "two"):
        set_columns(library, "files", file, status=FileStatus.PENDING)
        record(library, file, passage(0, metadata={"release_group": told}))
        metadata = load(library, Passage, first.guid).import_metadata
        assert metadata == others | {"release_group": told}


def test_the_same_entries_again_move_no_clock(library: Library) -> None:
    file = add_file(library)
    record(library, file, passage(0, metadata={"release_group": "one"}))
    age(library)
    ((guid,),) = stored(library, Passage.guid)
    before = row_of(library, "passages", guid)
    for status in (FileStatus.PROCESSING, FileStatus.PENDING):
        set_columns(library, "files", file, status=status)
        record(library, file, passage(0, metadata={"release_group": "one"}))
        assert row_of(library, "passages", guid) == before
