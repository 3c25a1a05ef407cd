"""A row that passes the fast check is one that the slow check would keep unchanged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.flush.recordings import mbid
from wkmp_orm import UnitOfWork
from wkmp_orm.core.rows.fast_checks import MOST_SHAPES, FastChecks
from wkmp_orm.core.rows.row_checker import RowChecker, checker
from wkmp_orm.core.table_info import TableInfo
from wkmp_orm.core.types import dump_json
from wkmp_orm.errors import InvalidRowError
from wkmp_orm.models import (
    DecodeStatus,
    FadeCurve,
    FileStatus,
    PassageStatus,
    SongStatus,
    SourceType,
)
from wkmp_orm.models.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wkmp_orm import Library


class Text(str):
    __slots__ = ()


class Number(int):
    pass


def unit() -> UnitOfWork:
    """Start a unit of work that has no library: accumulating needs none."""
    return UnitOfWork(cast("Any", SimpleNamespace(catalog=TABLES)), "accumulating")


WORK = unit()
HANDLES = [
    handle
    for work in (WORK, unit())
    for handle in (
        work.files.put(path="a.flac"),
        work.songs.put(recording_mbid=mbid(2, 1)),
        work.artists.put(artist_mbid=mbid(3, 1)),
        work.albums.put(album_mbid=mbid(4, 1)),
        work.works.put(work_mbid=mbid(1, 1)),
        work.passages.add(file_id=mbid(5, 1), end_time_ticks=1),
    )
]
MOMENT = datetime(2001, 2, 3, 4, 5, 6, 7, UTC)
VALUES = st.one_of(
    st.none(),
    st.sampled_from(HANDLES),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([2**31 - 1, 2**31, -(2**31), 2**63 - 1, 2**63, -(2**63) - 1, Number(7)]),
    st.sampled_from([0.0, -0.0, 0.5, 1.0, 1.5, float("nan"), float("inf"), 1e308]),
    st.sampled_from([np.int64(1), np.float64(0.5), np.bool_(True), np.zeros(2)]),
    st.sampled_from(
        [mbid(2, 1), mbid(2, 2).upper(), UUID(mbid(2, 3)), mbid(2, 4).replace("-", "")]
    ),
    st.sampled_from(
        ["", "x", "é", "\0", "é\0", "\udcff", "name:Nina", "title:\0", Text("x"), b"x"]
    ),
    st.sampled_from([MOMENT, MOMENT.replace(tzinfo=None), MOMENT.replace(microsecond=0)]),
    st.just(MOMENT.astimezone(timezone(timedelta(hours=2)))),
    st.sampled_from([*FileStatus, *PassageStatus, *DecodeStatus, *SongStatus, *FadeCurve]),
    st.sampled_from([*SourceType, "PENDING", "linear", "no word"]),
    st.sampled_from([[], [1], {}, {"a": 1}, {1: "a"}, (), object()]),
    st.recursive(
        st.sampled_from(
            [None, True, 1, 10**308, 10**309, Number(7), 0.5, float("nan"), np.int64(1)]
        )
        | st.sampled_from(["", "é", "\0", "\udcff", Text("x"), b"x", FadeCurve("linear")]),
        lambda item: (
            st.lists(item, max_size=3)
            | st.dictionaries(st.sampled_from(["a", "é", "\0", Text("x"), 1]), item, max_size=3)
        ),
        max_leaves=6,
    ),
)


@st.composite
def rows(draw: st.DrawFn, info: TableInfo) -> dict[str, Any]:
    """Give a row whose columns are real ones, mostly, and whose values may be anything."""
    names = [*info.columns, "no_column"] if draw(st.integers(0, 20)) == 0 else [*info.columns]
    chosen = draw(st.lists(st.sampled_from(sorted(names)), unique=True, min_size=1, max_size=9))
    chosen += [name for name in info.required if name not in chosen and draw(st.integers(0, 9))]
    return {name: draw(likely(info, name) | VALUES) for name in chosen}


def likely(info: TableInfo, name: str) -> st.SearchStrategy[Any]:
    """Give values that a column of this name may well take."""
    parent = info.foreign_keys.get(name)
    handles = [handle for handle in HANDLES if handle.table == parent]
    if handles:
        return st.sampled_from(handles)
    if name.endswith("_ticks"):
        return st.integers(0, 3)
    if name.endswith("mbid"):
        return st.sampled_from([mbid(2, 1), "name:Nina", "title:Nina"])
    if name in info.json:
        return st.sampled_from([{"a": [{"é": 0.5}], "b": None}, [(1, True), "x"], {}])
    return st.sampled_from(["x", 0.5, 1, MOMENT])


def checked_slowly(
    check: RowChecker, values: Mapping[str, Any], *, new: bool
) -> dict[str, Any] | None:
    """Return what a row is kept as by the checks that know what is wrong; None if it is refused."""
    info = check.info
    try:
        kept = check.columns(dict(values), WORK)
        if new:
            check.require(kept)
    except InvalidRowError:
        return None
    if not new and any(kept.get(name) is None for name in info.natural_key):
        return None
    return kept


def same(info: TableInfo, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Say whether two rows have the same objects; of JSON documents each has a copy of its own."""
    return list(one) == list(other) and all(
        dump_json(one[name]) == dump_json(other[name])
        if name in info.json
        else one[name] is other[name]
        for name in one
    )


@pytest.mark.parametrize("table", TABLES)
@given(data=st.data())
def test_a_row_that_passes_the_fast_check_is_kept_unchanged_by_the_slow_one(
    table: str, data: st.DataObject
) -> None:
    check = checker(TABLES[table])
    values = data.draw(rows(check.info))
    for new, fast_checks in ((True, check.new_rows), (False, check.put_rows)):
        accepted = dict(values)
        if fast_checks[tuple(values)](accepted, WORK):
            kept = checked_slowly(check, values, new=new)
            assert kept is not None
            assert same(check.info, kept, accepted)


USUAL: dict[str, dict[str, Any]] = {
    "files": {"path": "é/a.flac", "modification_time": MOMENT, "file_size_bytes": 2**40},
    "passages": {
        "file_id": HANDLES[0],
        "end_time_ticks": 5,
        "title": None,
        "song_id": HANDLES[1],
        "import_metadata": {"said": {"title": "é", "artists": [], "works": None}, "rms_db": -0.5},
    },
    "songs": {"recording_mbid": mbid(2, 1), "title": "Sinnerman", "artist_name": "Nina Simone"},
    "artists": {"artist_mbid": "name:nina simone", "name": "Nina Simone"},
    "albums": {"album_mbid": mbid(4, 1), "title": "Pastel Blues", "release_date": "1965"},
    "works": {"work_mbid": mbid(1, 1), "title": "Sinnerman"},
    "passage_songs": {
        "start_time_ticks": 0,
        "end_time_ticks": 2**40,
        "passage_id": HANDLES[5],
        "song_id": HANDLES[1],
    },
    "song_artists": {"weight": 1.0, "song_id": HANDLES[1], "artist_id": HANDLES[2]},
    "passage_albums": {"passage_id": HANDLES[5], "album_id": HANDLES[3]},
    "song_works": {"song_id": HANDLES[1], "work_id": HANDLES[4]},
}


@pytest.mark.parametrize("table", USUAL)
def test_a_usual_row_passes_the_fast_check(table: str) -> None:
    row = USUAL[table]
    assert checker(TABLES[table]).new_rows[tuple(row)](row, WORK) == tuple(row)


def test_a_document_that_passes_the_fast_check_is_kept_as_it_was_when_it_was_given() -> None:
    document: dict[str, Any] = {"said": {"titles": ["Sinnerman"]}}
    row = {"file_id": HANDLES[0], "end_time_ticks": 5, "import_metadata": document}
    assert checker(TABLES["passages"]).new_rows[tuple(row)](row, WORK)
    document["said"]["titles"].append("Lilac Wine")
    document["rms_db"] = -0.5
    assert row["import_metadata"] == {"said": {"titles": ["Sinnerman"]}}


def test_rows_of_one_shape_share_it(library: Library) -> None:
    with library.unit_of_work("songs") as work:
        added = [work.songs.add(recording_mbid=mbid(2, n), title="One") for n in range(3)]
        put = [work.artists.put(artist_mbid=f"name:{n}", name="One") for n in range(3)]
        linked = [
            work.song_artists.link(*pair, weight=1.0) for pair in zip(added, put, strict=True)
        ]
        for handles in (added, put, linked):
            assert len({id(handle.shape) for handle in handles}) == 1


def test_ever_new_orders_of_columns_do_not_fill_the_memory() -> None:
    fast_checks = FastChecks(TABLES["songs"], new=True)
    shapes = [("recording_mbid", f"column {number}") for number in range(2 * MOST_SHAPES)]
    for shape in shapes:
        assert not fast_checks[shape]({}, WORK)
    assert len(fast_checks) == MOST_SHAPES
