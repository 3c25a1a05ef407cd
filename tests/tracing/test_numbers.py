"""What metrics say of writes is what the library's own totals say."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.flush.representative import accumulate, prepare
from wkmp_orm.errors import ConstraintViolationError

if TYPE_CHECKING:
    from tests.conftest import Database
    from tests.support.telemetry import Telemetry
    from wkmp_orm import Library
    from wkmp_orm.core.tracing.open_telemetry import OpenTelemetry

NOW = datetime(2025, 11, 16, tzinfo=UTC)


def rows_told(telemetry: Telemetry) -> dict[tuple[str, str], int]:
    """Return the rows by table and by what happened to them."""
    told: Counter[tuple[str, str]] = Counter()
    for attributes, point in telemetry.numbers("wkmp_orm.write.rows"):
        table, outcome = attributes["db.collection.name"], attributes["wkmp_orm.row.outcome"]
        told[table, outcome] += point.value
    return dict(told)


def test_rows_are_counted_as_in_the_totals(
    database: Database, tracing: OpenTelemetry, telemetry: Telemetry
) -> None:
    with database.open(tracing=tracing) as library:
        there = prepare(library)
        with library.unit_of_work("everything") as work:
            accumulate(work, there)
        totals = library.totals()
    counted = {
        (table, outcome): getattr(counts, outcome)
        for table, counts in totals.rows.items()
        for outcome in ("inserted", "updated", "deleted", "unchanged", "refused")
        if getattr(counts, outcome)
    }
    assert {outcome for _, outcome in counted} >= {"inserted", "updated", "deleted"}
    assert rows_told(telemetry) == counted


def test_waits_and_holds_are_histograms_in_seconds(listened: Library, telemetry: Telemetry) -> None:
    for path in ("a.flac", "b.flac"):
        with listened.unit_of_work("my phase") as work:
            work.files.add(path=path, modification_time=NOW)
    with (
        pytest.raises(ConstraintViolationError),
        listened.unit_of_work("my phase") as work,
    ):
        work.files.add(path="a.flac", modification_time=NOW)
    totals = listened.totals()
    for name in ("wkmp_orm.write.wait", "wkmp_orm.write.hold"):
        counted = {
            attributes["wkmp_orm.outcome"]: point.count
            for attributes, point in telemetry.numbers(name)
            if attributes["wkmp_orm.phase"] == "my phase"
        }
        assert counted == {"committed": 2, "rolled back": 1}
        points = [point for _, point in telemetry.numbers(name)]
        assert {point.explicit_bounds[0] for point in points} == {0.001}
        assert all(
            attributes["db.system.name"] == listened.dialect
            for attributes, _ in telemetry.numbers(name)
        )
    waited_s = sum(point.sum for _, point in telemetry.numbers("wkmp_orm.write.wait"))
    assert waited_s == pytest.approx(totals.total_wait_ms / 1000)
    retried = sum(point.value for _, point in telemetry.numbers("wkmp_orm.write.retries"))
    assert retried == totals.retries
