"""Where a library breaks the rule: what is compared, and how it is told.

Knows results, not how they came about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.histories.results import Counts, Fault
from tests.histories.shapes import shape
from tests.histories.values import same, same_numbers
from wkmp_orm.core.engine.monitor import RowCounts
from wkmp_orm.core.errors import WkmpOrmError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.histories.performer import Performer
    from tests.histories.results import Result, Tables
    from tests.histories.saying import Said
    from wkmp_orm.core.engine.monitor import WriteReport


class Mismatch(AssertionError):  # noqa: N818  it is what was found, not what went wrong in the test
    """The library did something else than the rule says."""

    def __init__(self, about: str, kind: str, details: str) -> None:
        super().__init__(about, kind, details)
        self.about = about
        self.kind = kind
        self.details = details
        self.history = ""

    def __str__(self) -> str:
        return f"{self.about}: {self.kind}\n{self.details}\n\n{self.history}"


def compare_rows(performer: Performer, expected: Tables, when: str) -> None:
    """Compare all rows of all tables."""
    stored = performer.tables()
    for name, rows in expected.items():
        there = stored[name]
        for key in there.keys() - rows.keys():
            raise Mismatch("rows", f"{name}: a row too many {when}", f"{key}: {there[key]}")
        for key in rows.keys() - there.keys():
            raise Mismatch("rows", f"{name}: a row is not there {when}", f"{key}: {rows[key]}")
        for key, row in rows.items():
            for column, value in row.items():
                if not _same(performer, name, column, value, there[key][column]):
                    details = f"{key}: {there[key][column]!r}, by the rule {value!r}"
                    raise Mismatch("rows", f"{name}.{column} differs {when}", details)


def _same(performer: Performer, table: str, column: str, one: Any, other: Any) -> bool:
    if column in shape(table).json and performer.library.target.dialect == "postgresql":
        # jsonb takes 1 and 1.0 for one number, so that a merge may leave either.
        return same_numbers(one, other)
    return same(one, other)


def compare_answers(performer: Performer, said: Said, expected: Result) -> None:
    """Compare the guids of handles, and what matched."""
    for number, name in expected.guids.items():
        handle = performer.handles[number]
        if not hasattr(type(handle), "guid"):
            continue
        try:
            guid = handle.guid
        except WkmpOrmError as error:
            may_be_gone = name is None or number in expected.lost
            if not may_be_gone or type(error).__name__ != "RowNotFoundError":
                kind = (
                    f"{type(error).__name__} of a handle whose row is {'there' if name else 'gone'}"
                )
                raise Mismatch("handles", kind, f"h{number}: {error}") from error
            continue
        if name is None:
            raise Mismatch("handles", "a guid of a row that is gone", f"h{number}")
        if not performer.learn(name, guid):
            is_row = performer.names.get(str(guid), "a new row")
            raise Mismatch("handles", "the guid of another row", f"h{number}: {is_row}, not {name}")
    numbers = {number: said.same_as.get(number, number) for number in performer.outcomes}
    for number, root in numbers.items():
        if root in expected.matched:
            matched = performer.outcomes[number].matched
            if matched != expected.matched[root]:
                details = f"{matched}, by the rule {expected.matched[root]}"
                raise Mismatch("matched", f"{matched}, not {expected.matched[root]}", details)


def told(faults: Iterable[Fault]) -> str:
    """Tell what the rule says: the faults, each once."""
    return " or ".join(sorted({str(fault) for fault in faults})) or "committed"


def compare_error(expected: Result, error: WkmpOrmError) -> None:
    """Compare an error with the faults of which it may tell any one."""
    name, table = type(error).__name__, getattr(error, "table", None)
    refused = [t for t, counts in expected.counts.items() if counts.refused]
    faults = expected.faults or [Fault("ConstraintViolationError", t) for t in refused]
    like = [f for f in (*faults, *expected.allowed) if f.kind == name and table in (f.table, None)]
    if not faults and not like:
        raise Mismatch("refused", f"{name} without a fault", str(error))
    if not like:
        raise Mismatch("another error", f"{name}({table}) in place of {told(faults)}", str(error))
    detail = getattr(error, "constraint", None) or getattr(error, "field", None)
    details = {fault.detail for fault in like}
    if detail is not None and not details & {detail, None}:
        raise Mismatch("another error", f"{detail} in place of {details}", str(error))


def compare_counts(expected: Mapping[str, Counts], report: WriteReport) -> None:
    """Compare what the report says of each table."""
    for name in expected.keys() | report.rows.keys():
        rule, told = expected.get(name, Counts()), report.rows.get(name, RowCounts())
        refused = getattr(told, "refused", 0)
        if refused != rule.refused:
            details = f"{told}, by the rule {rule}"
            raise Mismatch(
                "counts", f"{name}: a link was left out, and the report is silent", details
            )
        others = told.updated + told.unchanged
        least = rule.updated + rule.unchanged + rule.idle
        right = (
            (told.inserted, told.deleted) == (rule.inserted, rule.deleted)
            and least <= others <= least + rule.again
            and rule.updated <= told.updated <= rule.updated + rule.idle + rule.again
        )
        if not right:
            wrong = [
                word
                for word, is_wrong in {
                    "inserted": told.inserted != rule.inserted,
                    "deleted": told.deleted != rule.deleted,
                    "updated or unchanged": not least <= others <= least + rule.again,
                }.items()
                if is_wrong
            ]
            kind = f"{name}: {' and '.join(wrong) or 'updated'}"
            raise Mismatch("counts", kind, f"{told}, by the rule {rule}")
