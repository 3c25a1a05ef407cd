"""Who writes gets the interpreter back at once, and everybody finds it as it was."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from typing import TYPE_CHECKING

import pytest

from wkmp_orm import File
from wkmp_orm.core.engine.interpreter import AT_ONCE_S, Haste

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wkmp_orm import Library, UnitOfWork

USUAL_S = 0.007


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    """Let the interpreter change hands as nobody else would set it."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(USUAL_S)
    yield
    sys.setswitchinterval(before)


def is_short() -> bool:
    return sys.getswitchinterval() == pytest.approx(AT_ONCE_S)


def is_usual() -> bool:
    return sys.getswitchinterval() == pytest.approx(USUAL_S)


@pytest.mark.smoke
def test_the_interpreter_changes_hands_at_once_while_a_transaction_is_open(
    library: Library,
) -> None:
    with library.begin_monitored("maintenance"):
        assert is_short()
    assert is_usual()


def test_nobody_is_in_haste_while_rows_are_accumulated_or_reported(library: Library) -> None:
    seen = []
    library.on_commit(lambda _: seen.append(is_usual()))
    with library.unit_of_work("accumulating") as work:
        work.songs.put(recording_mbid="00000000-0000-4000-8000-000000000001", title="One")
        assert is_usual()
    assert seen == [True]


def test_a_transaction_that_fails_leaves_the_interpreter_as_it_was(library: Library) -> None:
    def fail(work: UnitOfWork) -> None:
        work.table(File).update(
            "00000000-0000-4000-8000-00000000000f", title="nobody's", expected=1
        )

    with pytest.raises(Exception, match="expected"), library.unit_of_work("failing") as work:
        fail(work)
    assert is_usual()


def test_the_last_of_several_writers_gives_the_usual_back() -> None:
    haste = Haste()
    inside, leave = threading.Barrier(4), threading.Event()

    def write() -> None:
        with haste:
            inside.wait()
            leave.wait()

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    inside.wait()
    with haste:
        pass
    assert is_short()
    leave.set()
    for writer in writers:
        writer.join()
    assert is_usual()


def test_a_program_in_more_haste_than_we_are_keeps_its_own_interval() -> None:
    sys.setswitchinterval(AT_ONCE_S / 5)
    with Haste():
        assert sys.getswitchinterval() == pytest.approx(AT_ONCE_S / 5)
    assert sys.getswitchinterval() == pytest.approx(AT_ONCE_S / 5)


def test_what_the_program_sets_meanwhile_stands() -> None:
    with Haste():
        sys.setswitchinterval(0.003)
    assert sys.getswitchinterval() == pytest.approx(0.003)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_is_in_nobodys_haste() -> None:
    haste = Haste()
    with haste:
        with warnings.catch_warnings():
            # Since 3.12 a fork warns where there are threads.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            haste.forget()
            os._exit(0 if is_usual() else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert is_short()
    assert is_usual()
