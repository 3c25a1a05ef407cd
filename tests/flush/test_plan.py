"""A plan is made without a database, in an order that foreign keys and locks can live with."""

from __future__ import annotations

import random
from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from tests.flush.recordings import LONG_AGO, mbid, record
from wkmp_orm import UnitOfWork
from wkmp_orm.core.flush.changes import PendingRow, guid_of
from wkmp_orm.core.flush.plan import (
    Delete,
    Insert,
    InsertIfAbsent,
    InsertLinks,
    Merge,
    Step,
    Update,
    plan,
)
from wkmp_orm.core.flush.stored import natural_key
from wkmp_orm.errors import InvalidRowError
from wkmp_orm.models import Base, FileStatus, SongStatus
from wkmp_orm.models.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable

FILE = mbid(5, 1)
PLACE = {name: number for number, name in enumerate(TABLES)}


def unit() -> UnitOfWork:
    """Start a unit of work that has no library: accumulating and planning need none."""
    return UnitOfWork(cast("Any", SimpleNamespace(catalog=TABLES)), "planning")


def stages_of(work: UnitOfWork) -> list[list[Step]]:
    return [plan(TABLES, stage) for stage in work._changes.stages]


def steps_of(work: UnitOfWork) -> list[Step]:
    return [step for steps in stages_of(work) for step in steps]


def put_file(work: UnitOfWork, n: int) -> object:
    return work.files.put(path=f"{n}.flac", modification_time=LONG_AGO)


def add_passage(work: UnitOfWork, n: int) -> object:
    file = work.files.put(path=f"{n}.flac", modification_time=LONG_AGO)
    return work.passages.add(file_id=file, start_time_ticks=n, end_time_ticks=n + 1)


def put_song(work: UnitOfWork, n: int) -> object:
    composition = work.works.put(work_mbid=mbid(1, n), title="x")
    song = work.songs.put(recording_mbid=mbid(2, n), work_id=composition)
    work.song_works.link(song, composition)
    return song


def credit(work: UnitOfWork, n: int) -> object:
    song = work.songs.put(recording_mbid=mbid(2, n))
    artist = work.artists.put(artist_mbid=f"name:{n}", name="x")
    return work.song_artists.link(song, artist, weight=0.5)


OPERATIONS: list[Callable[[UnitOfWork, int], object]] = [
    put_file,
    add_passage,
    put_song,
    credit,
    lambda work, n: work.passages.update(mbid(6, n), title="x"),
    lambda work, n: work.songs.update(mbid(6, n), status=SongStatus.FLAVOR_READY),
    lambda work, n: work.passages.delete(mbid(7, n)),
    lambda work, n: work.files.delete(mbid(7, n), where={"status": FileStatus.PENDING}),
    lambda work, _: work.execute(sa.delete(Base.metadata.tables["acoustid_cache"])),
]

operations = st.lists(st.tuples(st.sampled_from(OPERATIONS), st.integers(0, 5)), max_size=30)


def accumulated(chosen: list[Any]) -> UnitOfWork:
    work = unit()
    for operation, n in chosen:
        operation(work, n)
    return work


def rows_of(step: Step) -> list[PendingRow]:
    return list(step.rows) if isinstance(step, (Insert, InsertIfAbsent, InsertLinks, Merge)) else []


@given(operations)
def test_in_each_stage_deletes_come_first_and_parents_before_children(chosen: list[Any]) -> None:
    for steps in stages_of(accumulated(chosen)):
        kinds = [0 if isinstance(step, Delete) else 1 for step in steps]
        assert kinds == sorted(kinds)
        deletes = [PLACE[step.info.name] for step in steps if isinstance(step, Delete)]
        assert deletes == sorted(deletes, reverse=True)
        writes = [PLACE[step.info.name] for step in steps if not isinstance(step, Delete)]
        assert writes == sorted(writes)


@given(operations)
def test_what_a_row_refers_to_is_written_before_it(chosen: list[Any]) -> None:
    written: set[int] = set()
    for step in steps_of(accumulated(chosen)):
        for row in rows_of(step):
            parents = [value for value in row.values.values() if isinstance(value, PendingRow)]
            assert all(id(parent) in written for parent in parents)
        written |= {id(row) for row in rows_of(step)}


@given(operations)
def test_every_row_and_order_is_in_exactly_one_step(chosen: list[Any]) -> None:
    work = accumulated(chosen)
    planned: Counter[int] = Counter()
    for step in steps_of(work):
        if isinstance(step, (Update, Delete)):
            planned.update(id(order) for order in step.orders)
        planned.update(id(row) for row in rows_of(step))
    expected: Counter[int] = Counter()
    for _, table in work._changes.all_tables():
        expected.update(map(id, table.rows()))
        expected.update(map(id, [*table.updates, *table.deletes]))
    assert planned == expected


@given(operations, st.randoms(use_true_random=False))
def test_rows_stand_in_the_order_of_their_keys_whatever_order_they_came_in(
    chosen: list[Any], order: random.Random
) -> None:
    order.shuffle(chosen)
    for step in steps_of(accumulated(chosen)):
        if isinstance(step, (InsertIfAbsent, Merge)):
            keys: list[Any] = [natural_key(step.info, row.values) for row in step.rows]
        elif isinstance(step, Insert):
            keys = [row.stored_guid for row in step.rows]
        elif isinstance(step, (Update, Delete)):
            keys = [guid_of(one.guid) for one in step.orders]
        else:
            continue
        assert keys == sorted(keys)


@given(st.lists(st.tuples(st.sampled_from(OPERATIONS[:4]), st.integers(0, 5)), max_size=30))
def test_rows_without_orders_about_them_are_one_stage(chosen: list[Any]) -> None:
    assert len(stages_of(accumulated(chosen))) == 1


@given(operations)
def test_planning_again_gives_the_same_and_changes_no_row(chosen: list[Any]) -> None:
    work = accumulated(chosen)
    first = steps_of(work)
    rows = [(dict(row.values), row.stored_guid, row.known) for s in first for row in rows_of(s)]
    second = steps_of(work)
    assert [vars_of(step) for step in second] == [vars_of(step) for step in first]
    again = [(dict(row.values), row.stored_guid, row.known) for s in second for row in rows_of(s)]
    assert again == rows


def vars_of(step: Step) -> dict[str, Any]:
    return {name: getattr(step, name) for name in step.__slots__}


@given(st.lists(st.sets(st.sampled_from(["title", "artist", "album"])), min_size=1, max_size=9))
def test_rows_that_give_different_columns_share_one_key_set(given_columns: list[set[str]]) -> None:
    work = unit()
    for n, columns in enumerate(given_columns):
        texts: dict[str, Any] = dict.fromkeys(columns, "x")
        work.passages.add(start_time_ticks=n, end_time_ticks=n + 1, file_id=FILE, **texts)
    (step,) = steps_of(work)
    assert isinstance(step, Insert)
    assert len(step.rows) == len(given_columns)
    assert {*step.keys.inserted} & {"title", "artist", "album"} == set().union(*given_columns)
    assert {*step.keys.inserted} >= {"guid", "file_id", "status", "created_at", "updated_at"}


@pytest.mark.parametrize("count", [1, 10, 1_000])
def test_the_number_of_steps_does_not_grow_with_the_number_of_rows(count: int) -> None:
    work = unit()
    record(work, FILE, count, put=False)
    steps = [(type(s).__name__, s.info.name) for s in steps_of(work)]
    assert len(steps) == len(set(steps)) == 11


def known(row: PendingRow, **stored: Any) -> None:
    """Bind a stored row, as prefetch does."""
    row.known = {"guid": mbid(8, 8), **stored}
    row.stored_guid = mbid(8, 8)


def test_a_known_row_is_merged_only_if_it_would_change() -> None:
    work = unit()
    same = work.songs.put(recording_mbid=mbid(2, 1), title="x", lyrics="mine")
    other = work.songs.put(recording_mbid=mbid(2, 2), title="x")
    unknown = work.songs.put(recording_mbid=mbid(2, 3), title=None)
    known(same, recording_mbid=mbid(2, 1), title="already")
    known(other, recording_mbid=mbid(2, 2), title=None)
    known(unknown, recording_mbid=mbid(2, 3), title=None)
    (step,) = steps_of(work)
    assert isinstance(step, Merge)
    assert (list(step.rows), step.keys.merged) == ([other], ("title",))


def test_nothing_to_write_is_an_empty_plan() -> None:
    work = unit()
    song = work.songs.put(recording_mbid=mbid(2, 1))
    known(song, recording_mbid=mbid(2, 1))
    assert steps_of(work) == []
    assert steps_of(unit()) == []


def test_updates_are_grouped_by_what_they_set_and_when() -> None:
    work = unit()
    for n in range(3):
        work.files.update(mbid(6, n), title="x")
        work.files.update(mbid(6, n), year=1965, where={"status": [FileStatus.PENDING]})
    work.files.update(mbid(6, 0), title="y")
    steps = [s for s in steps_of(work) if isinstance(s, Update)]
    assert [(s.columns, s.shape, len(s.orders)) for s in steps] == [
        (("title",), (), 3),
        (("year",), (("status", 1),), 3),
        (("title",), (), 1),
    ]


def test_an_unknown_row_without_a_column_that_it_needs_is_refused_by_name_and_key() -> None:
    work = unit()
    work.artists.put(artist_mbid="name:nina")
    with pytest.raises(InvalidRowError, match="artist_mbid='name:nina'") as caught:
        steps_of(work)
    assert (caught.value.table, caught.value.field) == ("artists", "name")


def test_facts_list_parents_before_children() -> None:
    for name, info in TABLES.items():
        assert all(PLACE[parent] < PLACE[name] for parent in info.foreign_keys.values())
