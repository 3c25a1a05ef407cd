"""What writes cost: counted without loss, logged at the level they deserve, told as totals."""

from __future__ import annotations

import logging
import math
import random
import threading

import pytest

from wkmp_orm.core.engine.monitor import Durations, Monitor, RowCounts, WriteReport


def report(
    *, waited: float = 0.0, held: float = 0.0, worker: str = "worker", committed: bool = True
) -> WriteReport:
    return WriteReport(
        caller="passages::record",
        phase="recording",
        worker=worker,
        waited_ms=waited,
        held_ms=held,
        attempts=1,
        outcome="committed" if committed else "rolled back",
        sender="driver",
    )


@pytest.mark.parametrize("seed", range(5))
def test_percentiles_are_within_a_tenth_of_the_true_ones(seed: int) -> None:
    numbers = random.Random(seed)
    values = [math.exp(numbers.gauss(1.0, 2.0)) for _ in range(1_000)]
    durations = Durations()
    for value in values:
        durations.add(value)

    assert (durations.count, durations.longest) == (1_000, max(values))
    assert durations.total == pytest.approx(sum(values))
    for share in (0.5, 0.95, 0.99, 1.0):
        true = sorted(values)[max(0, math.ceil(share * 1_000) - 1)]
        assert true <= durations.percentile(share) * 1.000001 <= true * 1.1001


def test_percentiles_of_nothing_of_one_and_of_no_time_at_all() -> None:
    durations = Durations()
    assert durations.percentile(0.99) == 0.0
    durations.add(0.0)
    assert durations.percentile(0.5) == 0.0
    durations.add(7.0)
    assert durations.percentile(0.99) == 7.0


@pytest.mark.parametrize(
    ("waited", "held", "level"),
    [
        (0, 0, logging.DEBUG),
        (500, 1_000, logging.DEBUG),
        (501, 0, logging.INFO),
        (1_000, 0, logging.INFO),
        (1_001, 0, logging.WARNING),
        (0, 1_001, logging.INFO),
        (0, 2_000, logging.INFO),
        (0, 2_001, logging.WARNING),
        (501, 2_001, logging.WARNING),
    ],
)
def test_long_waits_and_long_holds_are_logged_louder(
    caplog: pytest.LogCaptureFixture, waited: float, held: float, level: int
) -> None:
    with caplog.at_level(logging.DEBUG, "wkmp_orm.monitor"):
        Monitor().record(report(waited=waited, held=held))

    (record,) = caplog.records
    assert record.levelno == level
    assert "passages::record committed: waited" in record.message


def test_the_log_carries_its_numbers_as_fields(caplog: pytest.LogCaptureFixture) -> None:
    one = report(waited=1.5, held=2.5)
    one.rows["songs"] = RowCounts(inserted=3)

    with caplog.at_level(logging.DEBUG, "wkmp_orm.monitor"):
        Monitor().record(one)

    fields = vars(caplog.records[0])
    assert {
        name: fields[name]
        for name in (
            *("caller", "phase", "wait_ms", "held_ms", "attempts", "outcome"),
            *("sender", "rows"),
        )
    } == {
        "caller": "passages::record",
        "phase": "recording",
        "wait_ms": 1.5,
        "held_ms": 2.5,
        "attempts": 1,
        "outcome": "committed",
        "sender": "driver",
        "rows": {"songs": "3 inserted"},
    }


def test_totals_add_up_and_keep_what_was_rolled_back_apart() -> None:
    monitor = Monitor()
    first, second = report(waited=5, held=10), report(waited=50, held=1, worker="other")
    first.rows["songs"] = RowCounts(inserted=2)
    second.rows = {"songs": RowCounts(updated=1), "files": RowCounts(deleted=4)}
    second.attempts, second.lock_errors = 3, 2
    third = report(waited=700, held=99, committed=False)
    third.rows["songs"] = RowCounts(inserted=100)
    for one in (first, second, third):
        monitor.record(one)

    totals = monitor.totals()

    assert (totals.transactions, totals.rolled_back) == (2, 1)
    assert (totals.retries, totals.lock_errors) == (2, 2)
    assert (totals.longest_wait_ms, totals.total_wait_ms) == (700, 755)
    assert totals.wait_p99_ms == 700
    assert totals.longest_hold_ms == 10
    assert totals.hold_p50_ms <= totals.hold_p95_ms <= totals.hold_p99_ms == 10
    assert totals.rows == {"songs": RowCounts(2, 1, 0, 0), "files": RowCounts(0, 0, 4, 0)}
    assert totals.share_by_worker == {"worker": 1, "other": 1}


def test_checkpoints_are_counted_with_the_longest_and_in_what_is_measured_meanwhile() -> None:
    monitor = Monitor()
    monitor.record_checkpoint(30.0)
    with monitor.measuring() as part:
        monitor.record_checkpoint(20.0)

    assert (monitor.totals().checkpoints, monitor.totals().longest_checkpoint_ms) == (2, 30.0)
    assert (part.totals().checkpoints, part.totals().longest_checkpoint_ms) == (1, 20.0)


def test_totals_are_a_copy() -> None:
    monitor = Monitor()
    one = report()
    one.rows["songs"] = RowCounts(inserted=2)
    monitor.record(one)
    totals = monitor.totals()
    monitor.record(one)

    assert totals.rows["songs"].inserted == 2
    assert monitor.totals().rows["songs"].inserted == 4


def test_the_names_of_workers_are_bounded() -> None:
    monitor = Monitor()
    for number in range(Monitor.MOST_WORKERS + 50):
        monitor.record(report(worker=f"worker {number}"))
    monitor.record(report(worker="worker 0"))

    shares = monitor.totals().share_by_worker
    assert len(shares) == Monitor.MOST_WORKERS + 1
    assert (shares["worker 0"], shares["others"]) == (2, 50)


def test_many_threads_lose_no_count() -> None:
    monitor = Monitor()

    def record() -> None:
        for _ in range(200):
            monitor.record(report(waited=1, held=1))

    threads = [threading.Thread(target=record) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (monitor.totals().transactions, monitor.totals().total_wait_ms) == (1_600, 1_600)


def test_a_report_reads_as_a_sentence() -> None:
    one = report(waited=0.42, held=1.31)
    one.rows = {"songs": RowCounts(inserted=24, unchanged=2), "files": RowCounts(updated=1)}
    assert str(one) == (
        "recording: committed (songs: 24 inserted, 2 unchanged; files: 1 updated)"
        " through the driver, 1 attempt, waited 0.4 ms, held 1.3 ms"
    )
    assert str(WriteReport("caller", "scanning")) == "scanning: nothing to do"
    assert str(RowCounts()) == "none"
