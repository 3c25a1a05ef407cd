"""A function of a test module in several real processes at once, with a deadline.

Knows multiprocessing; must not know databases or the package that is being tested.

    def count_up(barrier: Barrier, path: Path) -> int:
        engine = ...                    # each prepares in peace
        barrier.wait()                  # and all start together
        ...

    numbers = run_in_processes(count_up, [(path,)] * 4)

The processes are spawned, not forked: nothing of the parent's engines, threads and locks is in
them. Arguments, values and errors travel pickled, and the function by its module and name.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import pickle
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from .patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from multiprocessing.context import SpawnProcess

T = TypeVar("T")

_ARRIVED = "arrived at the barrier"
_Pipe: TypeAlias = "Connection[Any, Any]"


class ProcessEndedError(Exception):
    """A process was killed (a negative `exit_code`: by that signal), or ended by itself."""

    def __init__(self, name: str, exit_code: int | None) -> None:
        """Say which process, and how it ended."""
        super().__init__(f"{name} ended with exit code {exit_code} and gave no answer")
        self.exit_code = exit_code


class ProcessFailedError(Exception):
    """A process failed with an error that cannot be pickled; the message is that error's text."""


class ProcessesHungError(Exception):
    """The deadline passed; what still ran was killed and had its threads' stacks on stderr."""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What became of one process: its value, or its error with the remote traceback as a note."""

    value: T | None
    error: BaseException | None

    def result(self) -> T:
        """Return the value or raise the error."""
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]


class Barrier:
    """Where the processes of one run wait for each other, any number of times.

    It opens when all that still run are there. Unlike multiprocessing's own, one that is killed
    while it waits does not block the others for ever.
    """

    def __init__(self, pipe: _Pipe) -> None:
        """Wait through a pipe to the parent; made by `run_in_processes`."""
        self._pipe = pipe

    def wait(self) -> None:
        """Return when everybody has arrived. Raises EOFError when the parent has died."""
        self._pipe.send(_ARRIVED)
        self._pipe.recv()


def run_in_processes(
    function: Callable[..., T], arguments: Sequence[tuple[Any, ...]], deadline: float = PATIENCE_S
) -> list[T]:
    """Call `function(barrier, *arguments[i])`, each in a process of its own; return the values.

    Raises the first error of a process, ProcessEndedError if one ended without an answer, and
    ProcessesHungError, after killing all, if one still runs `deadline` seconds later.
    """
    return [outcome.result() for outcome in outcomes_of_processes(function, arguments, deadline)]


def outcomes_of_processes(
    function: Callable[..., T], arguments: Sequence[tuple[Any, ...]], deadline: float = PATIENCE_S
) -> list[Outcome[T]]:
    """Do as `run_in_processes`, but return each process's error where it is expected.

    Raises ProcessesHungError.
    """
    ends = time.monotonic() + deadline
    context = multiprocessing.get_context("spawn")
    processes: dict[_Pipe, SpawnProcess] = {}
    try:
        for given in arguments:
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_run, args=(theirs, ends, function, given), daemon=True
            )
            process.start()
            theirs.close()  # so that its death is an end of file here
            processes[ours] = process
        return _collect(processes, ends)
    finally:
        for pipe, process in processes.items():
            process.kill()
            process.join()
            pipe.close()


def _collect(processes: dict[_Pipe, SpawnProcess], ends: float) -> list[Outcome[Any]]:
    outcomes: dict[_Pipe, Outcome[Any]] = {}
    running = set(processes)
    arrived: set[_Pipe] = set()
    while running:
        ready = wait(running, timeout=max(0.0, ends - time.monotonic()))
        if not ready:
            raise _hung(processes[pipe] for pipe in running)
        for pipe in running.intersection(ready):
            answer = _receive(pipe, processes[pipe])
            if answer is None:
                arrived.add(pipe)
            else:
                outcomes[pipe] = answer
                running.discard(pipe)
                arrived.discard(pipe)
        if arrived == running:
            for pipe in arrived:
                with suppress(BrokenPipeError):  # killed since; the next round sees it
                    pipe.send(None)
            arrived.clear()
    for process in processes.values():  # they may close their files and locks in peace
        process.join(max(0.0, ends - time.monotonic()))
    alive = [process for process in processes.values() if process.exitcode is None]
    if alive:
        raise _hung(alive)
    return [outcomes[pipe] for pipe in processes]


def _hung(processes: Iterable[SpawnProcess]) -> ProcessesHungError:
    names = sorted(process.name for process in processes)
    return ProcessesHungError(f"killed after the deadline: {', '.join(names)}")


def _receive(pipe: _Pipe, process: SpawnProcess) -> Outcome[Any] | None:
    """Return what became of a process, or None when it has arrived at the barrier."""
    try:
        message = pipe.recv()
    except (EOFError, OSError):
        process.join()
        return Outcome(None, ProcessEndedError(process.name, process.exitcode))
    return None if message == _ARRIVED else pickle.loads(message)  # noqa: S301 - from our child


def _run(pipe: _Pipe, ends: float, function: Callable[..., object], given: tuple[Any, ...]) -> None:
    """Be the main function of a process."""
    faulthandler.dump_traceback_later(max(0.1, ends - time.monotonic() - 0.5))
    try:
        answer = pickle.dumps(Outcome(function(Barrier(pipe), *given), None))
    except BaseException as error:  # noqa: BLE001 - it is raised in the parent
        error.add_note(traceback.format_exc())
        answer = _pickled(error)
    pipe.send(answer)
    faulthandler.cancel_dump_traceback_later()


def _pickled(error: BaseException) -> bytes:
    try:
        answer = pickle.dumps(Outcome(None, error))
        pickle.loads(answer)  # noqa: S301 - many errors can be pickled, but not made again
    except Exception:  # noqa: BLE001 - whatever their own methods raise
        failed = ProcessFailedError(f"{type(error).__qualname__}: {error}")
        failed.add_note(traceback.format_exc())
        answer = pickle.dumps(Outcome(None, failed))
    return answer
