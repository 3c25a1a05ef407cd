"""The switch interval is short while a transaction is open, and as it was afterwards."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from typing import TYPE_CHECKING

import pytest

from wkmp_orm import File
from wkmp_orm.core.engine.switch_interval import SHORT_S, ShortSwitchInterval
from wkmp_orm.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database
    from wkmp_orm import Library, UnitOfWork

USUAL_S = 0.007


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    """Set an interval that nobody else would set."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(USUAL_S)
    yield
    sys.setswitchinterval(before)


def is_short() -> bool:
    return sys.getswitchinterval() == pytest.approx(SHORT_S)


def is_usual() -> bool:
    return sys.getswitchinterval() == pytest.approx(USUAL_S)


@pytest.mark.smoke
def test_the_switch_interval_is_short_while_a_transaction_is_open(
    library: Library,
) -> None:
    with library.begin_monitored("maintenance"):
        assert is_short()
    assert is_usual()


def test_a_program_keeps_its_switch_interval_if_it_says_so(database: Database) -> None:
    with (
        database.open(keep_switch_interval=True) as library,
        library.begin_monitored("maintenance"),
    ):
        assert is_usual()


def test_whether_to_keep_the_switch_interval_is_said_with_true_or_false(database: Database) -> None:
    with pytest.raises(ConfigurationError, match=r"keep_switch_interval='no' is not one of"):
        database.open(keep_switch_interval="no")


def test_the_switch_interval_is_usual_while_rows_are_accumulated_or_reported(
    library: Library,
) -> None:
    seen = []
    library.on_commit(lambda _: seen.append(is_usual()))
    with library.unit_of_work("accumulating") as work:
        work.songs.put(recording_mbid="00000000-0000-4000-8000-000000000001", title="One")
        assert is_usual()
    assert seen == [True]


def test_a_transaction_that_fails_leaves_the_switch_interval_as_it_was(library: Library) -> None:
    def fail(work: UnitOfWork) -> None:
        work.table(File).update(
            "00000000-0000-4000-8000-00000000000f", title="nobody's", expected=1
        )

    with pytest.raises(Exception, match="expected"), library.unit_of_work("failing") as work:
        fail(work)
    assert is_usual()


def test_the_last_of_several_writers_restores_the_switch_interval() -> None:
    short_switch_interval = ShortSwitchInterval()
    inside, leave = threading.Barrier(4), threading.Event()

    def write() -> None:
        with short_switch_interval:
            inside.wait()
            leave.wait()

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    inside.wait()
    with short_switch_interval:
        pass
    assert is_short()
    leave.set()
    for writer in writers:
        writer.join()
    assert is_usual()


def test_a_program_with_a_shorter_interval_keeps_its_own() -> None:
    sys.setswitchinterval(SHORT_S / 5)
    with ShortSwitchInterval():
        assert sys.getswitchinterval() == pytest.approx(SHORT_S / 5)
    assert sys.getswitchinterval() == pytest.approx(SHORT_S / 5)


def test_an_interval_that_the_program_sets_meanwhile_stays() -> None:
    with ShortSwitchInterval():
        sys.setswitchinterval(0.003)
    assert sys.getswitchinterval() == pytest.approx(0.003)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_has_the_usual_switch_interval() -> None:
    short_switch_interval = ShortSwitchInterval()
    with short_switch_interval:
        with warnings.catch_warnings():
            # Since 3.12 a fork warns where there are threads.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            short_switch_interval.reset_after_fork()
            os._exit(0 if is_usual() else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert is_short()
    assert is_usual()
