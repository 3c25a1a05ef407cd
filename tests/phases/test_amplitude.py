"""What was measured reaches its own passages, completes them, and disturbs nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tests.flush.stored import age, dump
from tests.phases.importing import (
    SECOND,
    add_file,
    load,
    race,
    record,
    set_columns,
    stored,
    texts,
    watching,
)
from tests.phases.recordings import MEASURED, amplitude, passage
from wkmp_orm import Passage, Phase
from wkmp_orm.core.json_functions import JsonWith
from wkmp_orm.core.types import Json
from wkmp_orm.errors import ConditionNotMetError
from wkmp_orm.models import PassageStatus
from wkmp_orm.phases import PassageAmplitude, record_amplitude

if TYPE_CHECKING:
    from collections.abc import Callable

    from wkmp_orm import Library, UnitOfWork


def measuring(file: str, *passages: PassageAmplitude) -> Callable[[UnitOfWork], None]:
    return lambda work: record_amplitude(work, file, passages)


def measure(library: Library, file: str, *passages: PassageAmplitude) -> None:
    with library.unit_of_work(Phase.AMPLITUDE) as work:
        record_amplitude(work, file, passages)


def add_passages(library: Library, *numbers: int, path: str = "a.flac", **columns: Any) -> str:
    """Add a file with passages of a second, and return its guid."""
    file = add_file(library, path)
    record(library, file, *(passage(number, columns=columns) for number in numbers))
    return file


def points(library: Library) -> list[tuple[Any, ...]]:
    return stored(
        library,
        Passage.start_time_ticks,
        Passage.lead_in_start_ticks,
        Passage.lead_out_start_ticks,
        Passage.status,
    )


def only_passage(library: Library) -> Passage:
    [(guid,)] = stored(library, Passage.guid)
    row: Passage = load(library, Passage, guid)
    return row


def test_each_passage_gets_what_was_measured_of_it_in_whatever_order(library: Library) -> None:
    file = add_passages(library, 0, 2, 1)
    measure(library, file, *(amplitude(number) for number in (1, 2, 0)))
    assert points(library) == [
        (start, start + 100, start + SECOND - 200, PassageStatus.INGEST_COMPLETE)
        for start in (0, SECOND, 2 * SECOND)
    ]


def test_many_passages_are_one_executemany_in_one_transaction(library: Library) -> None:
    file = add_passages(library, *range(24))
    with watching(library) as recorder:
        measure(library, file, *map(amplitude, range(24)))
    assert texts(recorder) == ["UPDATE passages x24"]
    assert len(recorder.attempts) == len(recorder.transactions) == 1


def test_a_file_without_passages_sends_nothing(library: Library) -> None:
    file = add_passages(library)
    with watching(library) as recorder:
        measure(library, file)
    assert recorder.attempts == []


def test_points_that_nobody_could_find_are_null(library: Library) -> None:
    file = add_passages(library, 0)
    measure(library, file, PassageAmplitude(0, SECOND, None, None))
    assert points(library) == [(0, None, None, PassageStatus.INGEST_COMPLETE)]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((None, None), (100, 900)),
        ((200, None), (200, 900)),
        ((None, 800), (100, 800)),
        ((200, 800), (200, 800)),
        pytest.param((950, None), (100, 900), id="one that lies beyond the known other one"),
        pytest.param((None, 50), (100, 900), id="one that lies before it"),
        pytest.param((950, 960), (950, 960), id="both, beyond the known ones"),
    ],
)
def test_known_points_stay_where_nobody_finds_them_again(
    library: Library, found: tuple[int | None, int | None], expected: tuple[int, int]
) -> None:
    file = add_passages(library, 0)
    measure(library, file, PassageAmplitude(0, SECOND, 100, 900, MEASURED))
    measure(library, file, PassageAmplitude(0, SECOND, *found))
    assert points(library) == [(0, *expected, PassageStatus.INGEST_COMPLETE)]
    assert only_passage(library).import_metadata == {"amplitude_analysis": MEASURED}


def test_what_others_put_into_the_metadata_stays_beside_it(library: Library) -> None:
    others = {"amplitude": 1, "zero": None, "list": [1, {"two": "é"}]}
    file = add_passages(library, 0, import_metadata=others)
    for measured in (MEASURED, {"peak_rms": 0.25}):
        measure(library, file, amplitude(measured=measured))
        assert only_passage(library).import_metadata == others | {"amplitude_analysis": measured}


@pytest.mark.parametrize("garbage", ["[oops", "[1, 2]", '"text"', "null", ""])
def test_metadata_that_is_no_object_gives_way(sqlite_library: Library, garbage: str) -> None:
    file = add_passages(sqlite_library, 0)
    with sqlite_library.begin_monitored("an older service") as session:
        session.execute(sa.text("UPDATE passages SET import_metadata = :it"), {"it": garbage})
    measure(sqlite_library, file, amplitude())
    assert only_passage(sqlite_library).import_metadata == {"amplitude_analysis": MEASURED}


def test_the_same_measured_again_changes_nothing(library: Library) -> None:
    file = add_passages(library, 0, 1, import_metadata={"z": 0.1, "a": "é"})
    measure(library, file, amplitude(0), amplitude(1))
    age(library)
    before = dump(library)
    measure(library, file, amplitude(0), amplitude(1))
    assert dump(library) == before
    measure(library, file, amplitude(0), amplitude(1, {"peak_rms": 0.75}))
    moved = [row["updated_at"] != was["updated_at"] for row, was in _both(library, before)]
    assert moved == [False, True]


def _both(library: Library, before: Any) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Pair the passages of now with those of before, by start."""

    def by_start(rows: Any) -> list[dict[str, Any]]:
        return sorted(rows["passages"], key=lambda row: row["start_time_ticks"])

    return list(zip(by_start(dump(library)), by_start(before), strict=True))


def test_a_passage_that_is_not_there_is_noticed_and_nothing_is_written(library: Library) -> None:
    file, other = add_passages(library, 0), add_passages(library, 1, path="b.flac")
    before = dump(library)
    for wrong in (amplitude(1), PassageAmplitude(0, SECOND + 1, None, None)):
        with pytest.raises(ConditionNotMetError, match="matched 1 rows instead of 2"):
            measure(library, file, amplitude(0), wrong)
        assert dump(library) == before
    with pytest.raises(ConditionNotMetError, match="matched 0 rows instead of 1"):
        measure(library, other, amplitude(0))
    assert dump(library) == before


def test_a_leftover_that_a_user_edited_stays_as_it_is(library: Library) -> None:
    file = add_passages(library, 0)
    set_columns(library, "passages", only_passage(library).guid, user_title="mine")
    record(library, file, passage(1))
    measure(library, file, amplitude(1))
    assert points(library) == [
        (0, None, None, PassageStatus.INGEST_COMPLETE),
        (SECOND, SECOND + 100, 2 * SECOND - 200, PassageStatus.INGEST_COMPLETE),
    ]


def test_a_user_who_edits_the_passage_at_that_moment_loses_nothing(library: Library) -> None:
    for number in range(10):
        path = f"{number}.flac"
        file = add_passages(library, 0, path=path)
        [guid] = [g for g, of in stored(library, Passage.guid, Passage.file_id) if of == file]

        def edit(work: UnitOfWork, guid: str = guid) -> None:
            work.passages.update(guid, user_title="mine", fade_in_start_ticks=50)

        race(library, Phase.AMPLITUDE, edit, measuring(file, amplitude()))
        row: Passage = load(library, Passage, guid)
        assert (row.user_title, row.fade_in_start_ticks) == ("mine", 50)
        assert (row.lead_in_start_ticks, row.status) == (100, PassageStatus.INGEST_COMPLETE)


def test_a_program_that_writes_another_key_at_that_moment_loses_nothing(library: Library) -> None:
    value = sa.bindparam("value", type_=Json())
    annotate = sa.update(Passage).values(
        import_metadata=JsonWith(Passage.import_metadata, "notes", value)
    )
    for number in range(10):
        file = add_passages(library, 0, path=f"{number}.flac")
        race(
            library,
            Phase.AMPLITUDE,
            lambda work: work.execute(annotate, [{"value": {"text": "live"}}]),
            measuring(file, amplitude()),
        )
    for (metadata,) in stored(library, Passage.import_metadata):
        assert metadata == {"notes": {"text": "live"}, "amplitude_analysis": MEASURED}


def test_workers_that_measure_one_file_at_once_take_turns(library: Library) -> None:
    file = add_passages(library, *range(120))
    upwards = list(map(amplitude, range(120)))
    downwards = upwards[::-1]
    with watching(library) as recorder:
        race(
            library, Phase.AMPLITUDE, *[measuring(file, *upwards), measuring(file, *downwards)] * 2
        )
    assert len(recorder.attempts) == 4
    assert {status for *_, status in points(library)} == {PassageStatus.INGEST_COMPLETE}
