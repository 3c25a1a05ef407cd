"""Functions run in real processes, together, and never longer than they may."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from .processes import (
    Barrier,
    ProcessEndedError,
    ProcessesHungError,
    ProcessFailedError,
    outcomes_of_processes,
    run_in_processes,
)

if TYPE_CHECKING:
    from pathlib import Path


class PickyError(Exception):
    """An error that can be pickled but not made again, as those with a signature of their own."""

    def __init__(self, what: str, why: str) -> None:
        """Take more than the message."""
        super().__init__(f"{what}: {why}")


def who(_barrier: Barrier, answer: int) -> tuple[int, int]:
    """Say who answers what."""
    return os.getpid(), answer


def meet(barrier: Barrier, folder: Path, rounds: int) -> list[int]:
    """Leave a mark, wait for the others, and count the marks, round for round."""
    seen = []
    for number in range(rounds):
        (folder / f"{number}-{os.getpid()}").touch()
        barrier.wait()
        seen.append(len(list(folder.glob(f"{number}-*"))))
        barrier.wait()
    return seen


def die_or_wait(barrier: Barrier, what: str) -> str:
    """Be killed, or wait for the others twice."""
    barrier.wait()
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    barrier.wait()
    return "alive"


def fail(_barrier: Barrier, error: type[Exception], *arguments: str) -> None:
    """Raise an error."""
    raise error(*arguments)


def hang_or_end(barrier: Barrier, what: str) -> None:
    """Wait for ever, or not."""
    barrier.wait()
    if what == "hang":
        threading.Event().wait()


def give_something_that_cannot_be_pickled(_barrier: Barrier) -> object:
    """Return a lock."""
    return threading.Lock()


def test_values_come_back_in_order_from_processes_of_their_own() -> None:
    answers = run_in_processes(who, [(1,), (2,), (3,)])
    assert [answer for _, answer in answers] == [1, 2, 3]
    assert len({os.getpid(), *(pid for pid, _ in answers)}) == 4


def test_nobody_passes_the_barrier_before_all_are_there(tmp_path: Path) -> None:
    assert run_in_processes(meet, [(tmp_path, 5)] * 3) == [[3] * 5] * 3


def test_a_killed_process_does_not_block_the_others() -> None:
    killed, *others = outcomes_of_processes(die_or_wait, [("die",), ("wait",), ("wait",)])
    assert isinstance(killed.error, ProcessEndedError)
    assert killed.error.exit_code == -signal.SIGKILL
    assert [other.result() for other in others] == ["alive", "alive"]


def test_an_error_is_raised_here_with_the_traceback_from_there() -> None:
    with pytest.raises(ValueError, match="no such song") as caught:
        run_in_processes(fail, [(ValueError, "no such song")])
    assert "raise error(*arguments)" in caught.value.__notes__[0]


def test_an_error_that_cannot_be_pickled_keeps_its_name_and_text() -> None:
    with pytest.raises(ProcessFailedError, match="PickyError: song: unknown"):
        run_in_processes(fail, [(PickyError, "song", "unknown")])


def test_a_value_that_cannot_be_pickled_is_an_error() -> None:
    with pytest.raises(TypeError, match="pickle"):
        run_in_processes(give_something_that_cannot_be_pickled, [()])


def test_processes_that_hang_are_killed_and_show_where(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ProcessesHungError, match="killed after the deadline"):
        run_in_processes(hang_or_end, [("hang",), ("end",)], deadline=20)
    assert "in hang_or_end" in capfd.readouterr().err
