"""The metrics of writes, recorded from the report of each write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wkmp_orm.core.engine.monitor import RowCounts
from wkmp_orm.core.spans import SECONDS, Metric

if TYPE_CHECKING:
    from wkmp_orm.core.engine.monitor import WriteReport
    from wkmp_orm.core.spans import Attributes, Tracing

WAIT: Final = Metric(
    "wkmp_orm.write.wait",
    "histogram",
    "s",
    "How long a write transaction waited for its turn and for locks, over all attempts.",
    SECONDS,
)
HOLD: Final = Metric(
    "wkmp_orm.write.hold",
    "histogram",
    "s",
    "How long a write transaction held the lock: from BEGIN through COMMIT or ROLLBACK.",
    SECONDS,
)
RETRIES: Final = Metric(
    "wkmp_orm.write.retries",
    "counter",
    "{attempt}",
    "How often a write transaction was tried again.",
)
ROWS: Final = Metric(
    "wkmp_orm.write.rows",
    "counter",
    "{row}",
    "Rows of committed write transactions, by table and by what happened to them.",
)
WRITE_METRICS: Final = (WAIT, HOLD, RETRIES, ROWS)

PHASE: Final = "wkmp_orm.phase"
OUTCOME: Final = "wkmp_orm.outcome"
ROW_OUTCOME: Final = "wkmp_orm.row.outcome"
_OUTCOMES: Final = tuple(RowCounts.__dataclass_fields__)


def record_write(tracing: Tracing, report: WriteReport, system: str) -> None:
    """Record a write's report in the metrics. `system` is the database's `db.system.name`."""
    of_database = {"db.system.name": system, PHASE: report.phase}
    attributes = {**of_database, OUTCOME: report.outcome}
    tracing.record(WAIT, report.waited_ms / 1000, attributes)
    tracing.record(HOLD, report.held_ms / 1000, attributes)
    if report.attempts > 1:
        tracing.record(RETRIES, report.attempts - 1, of_database)
    if report.outcome == "committed":
        for table, counts in report.rows.items():
            _record_rows(tracing, counts, {**of_database, "db.collection.name": table})


def _record_rows(tracing: Tracing, counts: RowCounts, of_table: Attributes) -> None:
    for outcome in _OUTCOMES:
        number = getattr(counts, outcome)
        if number:
            tracing.record(ROWS, number, {**of_table, ROW_OUTCOME: outcome})
