"""Hypothesis strategies for valid and invalid rows of every table.

They read the models, so a new column needs no change here.

    @given(row=strategies.rows(Passage, file_id=guid))
    def test_a_passage_is_stored_as_it_was_given(row: dict[str, Any]) -> None: ...
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from wkmp_orm.errors import ConfigurationError
from wkmp_orm.models import (
    AcoustidCache,
    Artist,
    Base,
    File,
    ImportFailure,
    ImportSession,
    Passage,
    PassageSong,
    ServiceAnswer,
    Setting,
    Song,
    SongArtist,
    Work,
)
from wkmp_orm.models.file import UNKNOWN_HASHES
from wkmp_orm.models.passage import POINTS
from wkmp_orm.models.tables import TABLES
from wkmp_orm.phase import Phase
from wkmp_orm.settings import SETTINGS
from wkmp_orm.testing.values import (
    INT32,
    guids,
    hashes,
    json_arrays,
    json_objects,
    json_values,
    mbids,
    paths,
    points,
    setting_values,
    spans,
    texts,
    ticks,
    times,
    values_of,
    wrong_values_of,
)

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = [
    "guids",
    "hashes",
    "json_arrays",
    "json_objects",
    "json_values",
    "mbids",
    "paths",
    "points",
    "rows",
    "setting_rows",
    "setting_values",
    "spans",
    "texts",
    "ticks",
    "times",
    "values_of",
    "wrong_rows",
    "wrong_values_of",
]

Row = dict[str, Any]


def setting_rows() -> SearchStrategy[Row]:
    """Generate rows of the known settings, each with a valid text."""
    return st.sampled_from(list(SETTINGS.values())).flatmap(
        lambda key: setting_values(key).map(
            lambda value: {"key": key.name, "value": key.format(value)}
        )
    )


_TUNED: Final = {
    "base_probability": st.floats(0.0, 1000.0),
    "min_cooldown": st.integers(0, INT32),
    "ramping_cooldown": st.integers(0, INT32),
}
_COLUMNS: Final[Mapping[type[Base], Mapping[str, SearchStrategy[Any]]]] = {
    File: {
        "path": paths(),
        "hash": hashes() | st.sampled_from(UNKNOWN_HASHES),
        "duration_ticks": ticks(1),
        "sample_rate": st.integers(1, INT32),
        "channels": st.integers(1, 32),
        "file_size_bytes": ticks(),
        "matching_hashes": st.lists(guids(), max_size=3),
    },
    Passage: dict.fromkeys(
        ("flavor_source_blend", "identity_conflicts", "validation_issues"), json_arrays()
    ),
    Song: {
        **_TUNED,
        "related_songs": st.lists(guids(), max_size=3),
        "flavor_source_blend": json_arrays(),
    },
    Artist: _TUNED,
    Work: _TUNED,
    SongArtist: {"weight": st.floats(0.0, 1.0, exclude_min=True)},
    AcoustidCache: {"fingerprint_hash": hashes()},
    ServiceAnswer: {"service": texts().filter(bool), "request_key": mbids() | hashes()},
    ImportSession: {"errors": json_arrays()},
    ImportFailure: {"path": paths(), "phase": st.sampled_from([phase.value for phase in Phase])},
}
"""The values of columns whose CHECK or meaning allows fewer values than their type."""

_TOGETHER: Final[Mapping[type[Base], SearchStrategy[Row]]] = MappingProxyType(
    {Passage: points(), PassageSong: spans(), Setting: setting_rows()}
)
"""Columns that depend on one another."""


def rows(model: type[Base], **columns: Any) -> SearchStrategy[Row]:
    """Generate rows that the database accepts, with all, some or none of the nullable columns.

    `columns` are values, or strategies for values, that replace the generated ones. They must
    include the required foreign keys, because only the caller knows the stored rows; otherwise this
    raises ConfigurationError. Other foreign keys are absent unless given.
    """
    facts = TABLES[model.__tablename__]
    missing = sorted(facts.required & facts.foreign_keys.keys() - columns.keys())
    if missing:
        msg = f"rows of {facts.name} refer to stored ones: give {', '.join(missing)}"
        raise ConfigurationError(msg)
    given = {
        name: value if isinstance(value, st.SearchStrategy) else st.just(value)
        for name, value in columns.items()
    }
    return st.builds(
        lambda *parts: {name: value for part in parts for name, value in part.items()},
        _own_columns(model),
        _TOGETHER.get(model, st.just({})),
        st.fixed_dictionaries(given),
    )


def wrong_rows(model: type[Base], **columns: Any) -> SearchStrategy[tuple[Row, str]]:
    """Generate rows with one invalid column, each with the name of that column.

    A unit of work refuses each of them with InvalidRowError. `columns` are those of `rows`.
    """
    return rows(model, **columns).flatmap(
        lambda row: st.sampled_from(_mistakes(model, row)).map(
            lambda mistake: (row | mistake[1], mistake[0])
        )
    )


@cache
def _own_columns(model: type[Base]) -> SearchStrategy[Row]:
    facts = TABLES[model.__tablename__]
    required: dict[str, SearchStrategy[Any]] = {}
    optional: dict[str, SearchStrategy[Any]] = {}
    for column in facts.table.c:
        if column.name in facts.foreign_keys:
            continue
        strategy = _COLUMNS.get(model, {}).get(column.name, values_of(column.type))
        if column.name in facts.required:
            required[column.name] = strategy
        else:
            optional[column.name] = st.none() | strategy if column.nullable else strategy
    return st.fixed_dictionaries(required, optional=optional)


def _mistakes(model: type[Base], row: Row) -> list[tuple[str, Row]]:
    """Return possible mistakes in a row: a column, and the row with an invalid value in it."""
    facts = TABLES[model.__tablename__]
    mistakes: list[tuple[str, Row]] = [("no_such_column", {"no_such_column": 1})]
    mistakes += [(name, {name: None}) for name in sorted(facts.required)]
    mistakes += [
        (column.name, {column.name: wrong})
        for column in facts.table.c
        for wrong in wrong_values_of(column.type)
    ]
    if model in (Passage, PassageSong):
        mistakes += [
            ("start_time_ticks", {"start_time_ticks": -1}),
            ("end_time_ticks", {"end_time_ticks": row["start_time_ticks"]}),
        ]
    if model is Passage:
        start, end = row["start_time_ticks"], row["end_time_ticks"]
        for point in POINTS:
            name = f"{point}_ticks"
            mistakes += [(name, {name: start - 1}), (name, {name: end + 1})]
        for kind in ("fade", "lead"):
            first, last = f"{kind}_in_start_ticks", f"{kind}_out_start_ticks"
            mistakes.append((first, {first: end, last: start}))
    if model is SongArtist:
        mistakes += [("weight", {"weight": weight}) for weight in (0.0, -0.5, 1.5)]
    if model in (Song, Artist, Work):
        mistakes += [(name, {name: -1}) for name in _TUNED]
    return mistakes
