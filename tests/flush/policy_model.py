"""What puts leave behind, told by dictionaries from the legend of the column policies.

Knows the table of policies; must not know how a flush applies it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from hypothesis import strategies as st

from tests.flush.recordings import mbid
from tests.support.policies import POLICIES, UNKNOWN_TEXTS
from wkmp_orm.core.policy import Policy
from wkmp_orm.core.types import EnumText, Guid, Json, UtcDateTime
from wkmp_orm.mbid import Mbid
from wkmp_orm.models import Base

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Row = dict[str, Any]
Put = tuple[int, Row]
"""Which of the example's keys, and the columns that are given."""

KEYS: Final = {
    "files": ("path",),
    "passages": ("file_id", "start_time_ticks", "end_time_ticks"),
    "songs": ("recording_mbid",),
    "artists": ("artist_mbid",),
    "albums": ("album_mbid",),
    "works": ("work_mbid",),
    "settings": ("key",),
    "acoustid_cache": ("fingerprint_hash",),
    "import_failures": ("session_id", "path", "phase"),
    "service_answers": ("request_key", "service"),
}
REQUIRED: Final[Mapping[str, Row]] = {
    "files": {"modification_time": datetime(2020, 1, 1, tzinfo=UTC)},
    "artists": {"name": "required"},
    "albums": {"title": "required"},
    "works": {"title": "required"},
    "acoustid_cache": {"mbid": mbid(7, 7)},
    "import_failures": {"reason": "required"},
    "service_answers": {
        "answer": {"required": True},
        "answered_at": datetime(2020, 1, 1, tzinfo=UTC),
    },
}
SPAN: Final = 100
_PLACES: Final = {
    "fade_in_start_ticks": (10, 20),
    "lead_in_start_ticks": (10, 20),
    "lead_out_start_ticks": (70, 80),
    "fade_out_start_ticks": (70, 80),
}
"""Points of a passage that starts at 0; any of them fits all others."""


def is_unknown(table: str, column: str, value: object) -> bool:
    return value is None or value in UNKNOWN_TEXTS.get((table, column), ())


def gathered(table: str, puts: Iterable[Put]) -> dict[int, Row]:
    """Make one row of the puts of one key in one unit of work."""
    rows: dict[int, Row] = {}
    for key, given in puts:
        if key not in rows:
            rows[key] = dict(given)
            continue
        row = rows[key]
        for column, value in given.items():
            wins = POLICIES[table][column] is Policy.OVERWRITE
            if not is_unknown(table, column, value) and (
                wins or is_unknown(table, column, row.get(column))
            ):
                row[column] = value
    return rows


def merged(table: str, stored: Mapping[int, Row], puts: Iterable[Put]) -> dict[int, Row]:
    """Return the rows after a unit of work that put these."""
    result = dict(stored)
    for key, given in gathered(table, puts).items():
        if key not in stored:
            result[key] = {c: given.get(c) for c in columns(table)}
            for column in columns(table):
                if result[key][column] is None:
                    result[key][column] = default(table, column)
            continue
        result[key] = row = dict(stored[key])
        for column, value in given.items():
            policy = POLICIES[table][column]
            takes = policy is Policy.OVERWRITE or (
                policy is Policy.FILL and is_unknown(table, column, row[column])
            )
            if takes and not is_unknown(table, column, value):
                row[column] = value
    return result


def complete(table: str, known: Mapping[int, Row], puts: list[Put]) -> list[Put]:
    """Give new rows the columns that they cannot do without."""
    needed = REQUIRED.get(table, {})
    return [
        (
            key,
            given
            if key in known
            else given | {c: needed[c] for c in needed if given.get(c) is None},
        )
        for key, given in puts
    ]


def columns(table: str) -> list[str]:
    """Return the columns that a put may give and that no clock fills."""
    clocks = {"created_at", "updated_at", "occurred_at", "cached_at"}
    policies = POLICIES[table]
    return [
        column
        for column, policy in policies.items()
        if policy not in (Policy.KEY, Policy.NATURAL_KEY) and column not in clocks
    ]


def default(table: str, column: str) -> Any:
    """Return what a new row gets where nothing is given."""
    found = Base.metadata.tables[table].c[column].default
    return found.arg if isinstance(found, sa.ColumnDefault) and found.is_scalar else None


def puts(
    table: str, among: Iterable[str], references: Mapping[str, list[str]]
) -> st.SearchStrategy[list[Put]]:
    """Draw the puts of one unit of work, about two keys and a few columns."""
    drawn = {c: st.none() | values(table, c, references) for c in among}
    given = st.fixed_dictionaries({}, optional=drawn)
    return st.lists(st.tuples(st.integers(0, 1), given), min_size=1, max_size=3)


def few_columns(table: str) -> st.SearchStrategy[set[str]]:
    """Draw so few columns that puts meet in them, and more often the one with unknown texts."""
    every = columns(table)
    often = [c for c in every if (table, c) in UNKNOWN_TEXTS] * len(every)
    return st.sets(st.sampled_from(every + often), min_size=1, max_size=3)


def values(table: str, column: str, references: Mapping[str, list[str]]) -> st.SearchStrategy[Any]:
    """Draw a value that the column takes."""
    unknown = UNKNOWN_TEXTS.get((table, column))
    if unknown:
        return st.sampled_from([*unknown, "x", "y"])
    found = Base.metadata.tables[table].c[column]
    if found.foreign_keys:
        return st.sampled_from(references[column])
    if column in _PLACES:
        return st.sampled_from(_PLACES[column])
    kind: Any = found.type
    match kind:
        case EnumText():
            drawn: list[Any] = list(kind.words.__members__.values())
        case Mbid() | Guid():
            drawn = [mbid(8, 1), mbid(8, 2)]
        case UtcDateTime():
            drawn = [datetime(year, 1, 2, 3, 4, 5, tzinfo=UTC) for year in (1901, 2026)]
        case Json():
            drawn = [{}, {"a": [1, 2.5, None]}, {"b": "ä", "a": 1}, [], [1, "x"]]
        case sa.Integer():
            drawn = [1, 2, 32]
        case sa.Double():
            drawn = [0.1, 0.5, 1.0]
        case _:
            drawn = ["", "x", "ä 'y'"]
    return st.sampled_from(drawn)
