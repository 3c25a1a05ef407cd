"""Whatever stands in the tables, adoption loses no row, and each value can be read afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adoption.checking import check_adopted
from tests.adoption.made import LOOSE, OCTOBER, VISIBLE, Age, make
from tests.adoption.rows import LONG_AGO, MTIME, OTHER_MTIME, TICKS, sha, uuid
from tests.adoption.tables import CURRENT, OF_OTHERS
from wkmp_orm import Library

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hypothesis.strategies import SearchStrategy

FEW: Final = 5
MANY: Final = int(os.environ.get("WKMP_ADOPTIONS", "300"))

_GUIDS: Final = [uuid(n) for n in range(4)]
_KEYS: Final = [*_GUIDS, *(guid.upper() for guid in _GUIDS), None, "", "no guid", f"{{{uuid(1)}}}"]
_MBIDS: Final = [
    *_GUIDS[:2],
    _GUIDS[0].upper(),
    None,
    "name:The Band",
    "name:the  band",
    "title:X",
    "?",
]
_TEXTS: Final = [
    *(None, "", "a", "The Band", "a\\b", "a/b", "/a/b", "C:\\b", "é", "e\u0301", "it's", '"'),
    "x" * 600,
    *(5, 1.5, b"ab", b"\xff\x00", "[1]", "{}", '{"a": 1}', '["a", NaN]', '{"a":', "[" * 3_000),
    *('["\\ud800"]', "1e999", "null"),
]  # fmt: skip
_NUMBERS: Final = [
    *(None, 0, 1, -5, 3, 100 * TICKS, 2**62, 3.0, 3.5, 1e300, float("inf"), 0.5, 7.25),
    *("7", " 7 ", "3/12", "x", b"\x01", -0.5),
]  # fmt: skip
_TIMES: Final = [
    *(None, MTIME, OTHER_MTIME, LONG_AGO, "", "yesterday", "2025-02-30 00:00:00", 1_700_000_000),
    *(1.5, 10**15, "0000-01-01 00:00:00", b"2025", "2025-01-01T00:00:00Z", "2025-01-01"),
]  # fmt: skip
_STATES: Final = ["PENDING", "INGEST COMPLETE", "DUPLICATE HASH", "FLAVOR READY", "flavor ready"]
_WORDS: Final[Mapping[str, list[Any]]] = {
    "status": [*_STATES, None, "", 5],
    "decode_status": ["pending", "failed", "Successful", None, "what"],
    "fade_in_curve": ["linear", "LINEAR", "scurve", None],
    "fade_out_curve": ["cosine", "equalpower", None],
    "state": ['"PROCESSING"', "SCANNING", '"COMPLETED"', '"what"', None],
    "source_type": ["AcoustID", "identity_extractor", "ID3Metadata", "", None],
    "hash": [sha(1), sha(2), "", "PENDING", None],
    "fingerprint_hash": [sha(1), sha(2), "short", None],
    "key": ["volume_level", "library_root_of_old", None, "queue"],
    "value": ["0.5", None, 5],
    "root_folder": ["", "relative", None],
    "path": ["a.flac", "b/c.flac", "b\\c.flac", "/abs.flac", None, 5],
}


def values_of(column: str, declared: str) -> SearchStrategy[Any]:
    """Choose among the values that a column may have, right and wrong ones."""
    if column in _WORDS:
        words: list[Any] = _WORDS[column]
        return st.sampled_from(words)
    if column.endswith("mbid"):
        return st.sampled_from(_MBIDS)
    if column in {"guid", "id"} or column.endswith("_id"):
        return st.sampled_from(_KEYS)
    if declared.startswith("TIMESTAMP") or column in {"started_at", "ended_at", "cached_at"}:
        return st.sampled_from(_TIMES)
    return st.sampled_from(_NUMBERS if declared.startswith(("INTEGER", "REAL")) else _TEXTS)


@st.composite
def databases(draw: st.DrawFn) -> tuple[Age, dict[str, list[dict[str, Any]]]]:
    """Draw the rows of a database that keeps none of its promises."""
    age = draw(st.sampled_from([LOOSE, _loose(OCTOBER), _loose(VISIBLE)]))
    rows = {}
    for table, columns in CURRENT.items():
        everything = {**columns, **age.columns.get(table, {})}
        row = st.fixed_dictionaries(
            {name: values_of(name, declared) for name, declared in everything.items()}
        )
        rows[table] = draw(st.lists(row, max_size=4))
    references = _references()
    rows |= {table: draw(st.lists(row, max_size=2)) for table, row in references.items()}
    return age, rows


def _loose(age: Age) -> Age:
    return Age(age.name, age.version, age.without, age.columns, age.tables, is_loose=True)


def _references() -> Mapping[str, SearchStrategy[dict[str, Any]]]:
    guid = st.sampled_from([key for key in _KEYS if key is not None])
    number = st.integers(0, 9)
    return {
        "queue": st.fixed_dictionaries(
            {
                "file_path": st.sampled_from(["a.flac", "x"]),
                "passage_guid": guid,
                "play_order": number,
            }
        ),
        "images": st.fixed_dictionaries(
            {"file_path": st.just("a.png"), "image_type": st.just("artist"), "entity_id": guid}
        ),
    }


def adopt_whatever(age: Age, rows: dict[str, list[dict[str, Any]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database, before = Path(folder, "wkmp.db"), Path(folder, "before.db")
        make(database, age, rows)
        shutil.copy(database, before)
        adoption = Library.adopt(database)
        if adoption.is_needed:
            check_adopted(database, before, adoption)
        assert not Library.adopt(database).is_needed
        assert set(adoption.tables) >= {table for table in rows if table not in OF_OTHERS}


@settings(max_examples=FEW, deadline=None)
@given(databases())
def test_whatever_the_tables_hold_no_row_is_lost(
    made: tuple[Age, dict[str, list[dict[str, Any]]]],
) -> None:
    adopt_whatever(*made)


@pytest.mark.slow
@settings(max_examples=MANY, deadline=None)
@given(databases())
def test_whatever_many_tables_hold_no_row_is_lost(
    made: tuple[Age, dict[str, list[dict[str, Any]]]],
) -> None:
    adopt_whatever(*made)
