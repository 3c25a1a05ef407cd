"""Puts leave behind what the table of column policies says, whatever is put in whatever order."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.flush.policy_model import (
    KEYS,
    SPAN,
    Put,
    Row,
    columns,
    complete,
    few_columns,
    merged,
    puts,
    values,
)
from tests.flush.recordings import LONG_AGO, add_file, mbid
from tests.flush.stored import row_of
from tests.support.overtaking import overtaken
from wkmp_orm.models.file import UNKNOWN_HASHES
from wkmp_orm.models.tables import TABLES

if TYPE_CHECKING:
    from wkmp_orm import Library

_examples = itertools.count(1)


def examples(count: int) -> settings:
    """Try this many; a database serves all examples of a test, each with keys of its own."""
    unlike = [HealthCheck.function_scoped_fixture]
    return settings(max_examples=count, deadline=None, suppress_health_check=unlike)


FILE, SESSION = "its.flac", mbid(9, 9)


@pytest.fixture
def references(library: Library) -> dict[str, list[str]]:
    """Commit rows to refer to, by the column that does."""
    with library.unit_of_work("parents") as work:
        work.import_sessions.add(
            session_id=SESSION, root_folder="/music", parameters={}, started_at=LONG_AGO
        )
        songs = [work.songs.put(recording_mbid=mbid(9, n)) for n in (1, 2)]
        works = [work.works.put(work_mbid=mbid(9, n), title="parent") for n in (1, 2)]
    return {
        "file_id": [add_file(library, FILE)],
        "session_id": [SESSION],
        "import_session_id": [SESSION],
        "song_id": [song.guid for song in songs],
        "work_id": [work.guid for work in works],
    }


@dataclass
class Example:
    """Two keys of a table that no other example has used."""

    library: Library
    table: str
    references: dict[str, list[str]]
    number: int = field(default_factory=lambda: next(_examples))

    def key(self, which: int) -> Row:
        number = 2 * self.number + which
        spelled = {
            "file_id": self.references["file_id"][0],
            "session_id": SESSION,
            "start_time_ticks": number * SPAN,
            "end_time_ticks": (number + 1) * SPAN,
            "fingerprint_hash": f"{number:064x}",
        }
        guid = mbid(5, number)
        return {name: spelled.get(name, guid) for name in KEYS[self.table]}

    def values(self, which: int, row: Row) -> Row:
        """Spell a model's row for this key: in place, and with a hash that no other file has."""
        offset = self.key(which).get("start_time_ticks", 0)
        return {
            name: value + offset
            if name.endswith("_start_ticks") and value is not None
            else f"{value} {self.number} {which}"
            if name == "hash" and value in ("x", "y")
            else value
            for name, value in row.items()
        }

    def put(self, given: list[Put]) -> None:
        with self.library.unit_of_work("put") as work:
            for which, row in given:
                getattr(work, self.table).put(self.key(which), **self.values(which, row))

    def stored(self) -> dict[int, Row]:
        """Read the rows of the two keys, with `updated_at` where there is one."""
        table = TABLES[self.table].table
        found = {}
        with self.library.reader() as session:
            for which in (0, 1):
                own = [table.c[name] == value for name, value in self.key(which).items()]
                rows = session.execute(sa.select(table).where(*own)).mappings().all()
                if rows:
                    (row,) = rows
                    found[which] = dict(row)
        return found

    def age(self) -> None:
        table = TABLES[self.table].table
        if "updated_at" in table.c:
            with self.library._writer.engine.begin() as connection:
                connection.execute(sa.update(table).values(updated_at=LONG_AGO))

    def expected(self, model: dict[int, Row]) -> dict[int, Row]:
        return {which: self.values(which, row) for which, row in model.items()}


def told(table: str, rows: dict[int, Row]) -> dict[int, Row]:
    return {which: {c: row[c] for c in columns(table)} for which, row in rows.items()}


@examples(100)
@given(data=st.data())
def test_puts_merge_by_the_policies(
    library: Library, references: dict[str, list[str]], data: st.DataObject
) -> None:
    table = data.draw(st.sampled_from([*KEYS, "files", "files"]))
    example = Example(library, table, references)
    unit = puts(table, data.draw(few_columns(table)), references)
    model: dict[int, Row] = {}
    for _ in range(data.draw(st.integers(1, 4))):
        given = complete(table, model, data.draw(unit))
        example.age()
        example.put(given)
        before, model = model, merged(table, model, given)
        stored = example.stored()
        assert told(table, stored) == example.expected(model)
        for which, row in stored.items():
            moved = row.get("updated_at", LONG_AGO) != LONG_AGO
            has_clock = "updated_at" in row
            assert moved == (has_clock and before.get(which) != model[which])


@examples(100)
@given(data=st.data())
def test_what_was_read_before_is_advice_and_never_truth(
    library: Library, references: dict[str, list[str]], data: st.DataObject
) -> None:
    """A put that another overtakes after its prefetch comes before or after it, row by row."""
    table = data.draw(st.sampled_from([*KEYS, "files", "files"]))
    example = Example(library, table, references)
    unit = puts(table, data.draw(few_columns(table)), references)
    first = complete(table, {}, data.draw(unit | st.just([])))
    example.put(first)
    model = merged(table, {}, first)
    mine = complete(table, model, data.draw(unit))
    theirs = complete(table, model, data.draw(unit))
    with overtaken(library, lambda: example.put(theirs)):
        example.put(mine)
    after = example.expected(merged(table, merged(table, model, theirs), mine))
    before = example.expected(merged(table, merged(table, model, mine), theirs))
    for which, row in told(table, example.stored()).items():
        assert row in (after[which], before[which])
        if which not in model:  # it was not there when it was read, so the statements decided
            assert row == after[which]


@pytest.mark.parametrize("unknown", [None, *UNKNOWN_HASHES])
@pytest.mark.parametrize("late", [False, True], ids=["known_before", "known_meanwhile"])
def test_a_hash_that_says_unknown_is_not_written_beside_what_is_known(
    library: Library, unknown: str | None, *, late: bool
) -> None:
    def hashed() -> None:
        with library.unit_of_work("hashing") as work:
            work.files.put(path=FILE, modification_time=LONG_AGO, hash="ab")

    with library.unit_of_work("scanning") as work:
        work.files.put(path=FILE, modification_time=LONG_AGO, hash=unknown)
    if not late:
        hashed()
    with overtaken(library, hashed), library.unit_of_work("tags") as work:
        file = work.files.put(path=FILE, hash=unknown, year=1965)
    row = row_of(library, "files", file.guid)
    assert (row["hash"], row["year"]) == ("ab", 1965)


@examples(40)
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_a_natural_key_is_found_again_whatever_its_characters(library: Library, text: str) -> None:
    key = f"{next(_examples)} {text}"
    with library.unit_of_work("first") as work:
        first = work.files.put(path=key, modification_time=LONG_AGO)
    with library.unit_of_work("second") as work:
        second = work.files.put(path=key)
    assert second.guid == first.guid


@examples(5)
@given(data=st.data())
@pytest.mark.smoke
def test_none_in_an_update_means_null_in_every_column_that_may_be(
    library: Library, references: dict[str, list[str]], data: st.DataObject
) -> None:
    for table in KEYS:
        example = Example(library, table, references)
        nullable = [c for c in columns(table) if TABLES[table].table.c[c].nullable]
        given = {c: data.draw(values(table, c, references)) for c in columns(table)}
        example.put([(0, given)])
        stored = example.stored()[0]
        assert told(table, {0: stored})[0] == example.values(0, given)
        if not nullable:
            continue
        with library.unit_of_work("update") as work:
            getattr(work, table).update(stored[TABLES[table].guid], dict.fromkeys(nullable))
        assert {c: example.stored()[0][c] for c in nullable} == dict.fromkeys(nullable)
