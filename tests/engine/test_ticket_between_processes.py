"""The writer ticket between real processes, which are killed, stopped, forked and kept waiting."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
import time
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.patience import PATIENCE_S
from tests.support.processes import Barrier, run_in_processes
from wkmp_orm.core.engine.lock_file import HOST, LockFile
from wkmp_orm.core.engine.ticket import WriterTicket, ticket_for
from wkmp_orm.errors import LockHolder, LockTimeoutError, WrongOwnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="lock files and forks are of POSIX systems"
)

HELD = "held"


def soon(seconds: float = PATIENCE_S) -> float:
    return time.monotonic() + seconds


def wait_for(condition: Callable[[], object]) -> None:
    """Look every millisecond, as another process's lock is not an event; fail after PATIENCE_S."""
    end = soon()
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def obey(pipe: Connection[Any, Any], database: Path) -> None:
    """Be the main function of `OtherProcess`: do what is said, and answer when it is done."""
    ticket = ticket_for(database)
    while True:
        order, argument = pipe.recv()
        if order == "acquire":
            pipe.send(try_to_hold(ticket, argument))
        elif order == "release":
            ticket.release()
            pipe.send("released")
        elif order == "fork":
            pid = os.fork()
            if pid == 0:
                pipe.send(os.getpid())
                signal.pause()
            signal.pause()
        elif order == "acquire in a fork":
            if os.fork() == 0:
                obey_in_fork(pipe, ticket)
            os.wait()


def try_to_hold(ticket: WriterTicket, seconds: float) -> str | LockHolder | None:
    try:
        ticket.acquire(phase="recording", deadline=soon(seconds))
    except LockTimeoutError as error:
        return error.holder
    return HELD


def obey_in_fork(pipe: Connection[Any, Any], ticket: WriterTicket) -> None:
    try:
        ticket.release()
    except WrongOwnerError:
        pipe.send("not ours to release")
    pipe.send(try_to_hold(ticket, 0.01))
    pipe.send(try_to_hold(ticket, PATIENCE_S))
    os._exit(0)


class OtherProcess:
    """A spawned process that does what it is told, and is killed at the end of the test."""

    def __init__(self, database: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=obey, args=(theirs, database), daemon=True)
        self.process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def order(self, order: str, argument: object = None) -> None:
        self.pipe.send((order, argument))

    def answer(self, within: float = PATIENCE_S) -> Any:
        assert self.pipe.poll(within), "no answer in time"
        return self.pipe.recv()

    def hold(self) -> None:
        self.order("acquire", PATIENCE_S)
        assert self.answer() == HELD

    def release(self) -> None:
        self.order("release")
        assert self.answer() == "released"

    def kill(self) -> None:
        self.process.kill()
        self.process.join()  # with a timeout it would wait for a forked child as well


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "wkmp.db"
    path.touch()
    return path


@pytest.fixture
def ticket(database: Path) -> Iterator[WriterTicket]:
    ticket = ticket_for(database)
    yield ticket
    ticket.close()


@pytest.fixture
def start(database: Path) -> Iterator[Callable[[], OtherProcess]]:
    """Start processes that end with the test."""
    others: list[OtherProcess] = []

    def start_one() -> OtherProcess:
        others.append(OtherProcess(database))
        return others[-1]

    yield start_one
    for other in others:
        other.kill()
        other.pipe.close()


def wait_until_someone_is_at_the_gate(database: Path) -> None:
    gate = LockFile(f"{database}-gate")
    wait_for(gate.holder)


def test_a_wait_past_its_deadline_names_the_process_that_holds(
    ticket: WriterTicket, start: Callable[[], OtherProcess]
) -> None:
    other = start()
    other.hold()
    started = time.monotonic()
    with pytest.raises(LockTimeoutError) as caught:
        ticket.acquire(phase="tags", deadline=soon(0.05))
    assert time.monotonic() - started >= 0.05
    holder = caught.value.holder
    assert holder is not None
    assert (holder.pid, holder.host, holder.phase) == (other.pid, HOST, "recording")
    assert caught.value.waited_ms >= 50
    assert str(other.pid) in str(caught.value)

    other.release()
    with ticket.hold(phase="tags", deadline=soon()):
        pass


def test_a_killed_holder_is_succeeded(
    database: Path, ticket: WriterTicket, start: Callable[[], OtherProcess]
) -> None:
    other = start()
    other.hold()
    note = Path(f"{database}-ticket").read_bytes()
    assert f"\t{HOST}\trecording ".encode() in note
    other.kill()
    assert Path(f"{database}-ticket").read_bytes() == note
    assert ticket.holder is None, "a note without a lock counts for nothing"
    ticket.acquire(phase="next", deadline=soon())
    ticket.release()


@pytest.mark.smoke
@pytest.mark.parametrize("forks", [False, True], ids=["alone", "with a forked child that lives"])
def test_a_waiter_succeeds_a_holder_that_is_killed(
    database: Path, ticket: WriterTicket, start: Callable[[], OtherProcess], *, forks: bool
) -> None:
    other = start()
    with ticket.hold(phase="first", deadline=soon()):  # let it be one that had to wait
        other.order("acquire", PATIENCE_S)
        wait_until_someone_is_at_the_gate(database)
    assert other.answer() == HELD
    child = 0
    if forks:
        other.order("fork")
        child = other.answer()

    def kill_when_waited_for() -> None:
        wait_for(lambda: ticket.waiting)
        other.kill()

    killer = threading.Thread(target=kill_when_waited_for)
    killer.start()
    try:
        ticket.acquire(phase="next", deadline=soon())
        ticket.release()
        if forks:
            os.kill(child, 0)  # it does live
    finally:
        killer.join(PATIENCE_S)
        if forks:
            os.kill(child, signal.SIGKILL)


def test_a_forked_child_queues_like_any_other_process(
    ticket: WriterTicket, start: Callable[[], OtherProcess]
) -> None:
    other = start()
    other.hold()
    other.order("acquire in a fork")
    assert other.answer() == "not ours to release"
    holder = other.answer()
    assert isinstance(holder, LockHolder)
    assert holder.pid == other.pid
    # The child waits now, and its parent cannot release before the child has ended: kill it.
    other.kill()
    assert other.answer() == HELD


def test_a_waiter_that_is_killed_at_the_gate_is_passed_over(
    database: Path, ticket: WriterTicket, start: Callable[[], OtherProcess]
) -> None:
    doomed, patient = start(), start()
    with ticket.hold(phase="first", deadline=soon()):
        doomed.order("acquire", PATIENCE_S)
        wait_until_someone_is_at_the_gate(database)
        patient.order("acquire", PATIENCE_S)
        doomed.kill()
    assert patient.answer() == HELD


def test_a_process_whose_waiter_gave_up_holds_nobody_up(
    database: Path, ticket: WriterTicket, start: Callable[[], OtherProcess]
) -> None:
    impatient, patient = start(), start()
    with ticket.hold(phase="first", deadline=soon()):
        impatient.order("acquire", 0.01)
        holder = impatient.answer()
        assert holder.pid == os.getpid()
        wait_until_someone_is_at_the_gate(database)
        patient.order("acquire", PATIENCE_S)
    assert patient.answer() == HELD
    patient.release()
    impatient.hold()


def test_a_process_that_is_stopped_when_its_turn_comes_is_named(
    database: Path, ticket: WriterTicket, start: Callable[[], OtherProcess]
) -> None:
    stopped = start()
    with ticket.hold(phase="first", deadline=soon()):
        stopped.order("acquire", PATIENCE_S)
        wait_until_someone_is_at_the_gate(database)
        os.kill(stopped.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, stopped.pid, os.WSTOPPED)
    with pytest.raises(LockTimeoutError) as caught:
        ticket.acquire(phase="second", deadline=soon(0.05))
    assert caught.value.holder is not None
    assert (caught.value.holder.pid, caught.value.holder.phase) == (stopped.pid, "recording")
    os.kill(stopped.pid, signal.SIGCONT)
    assert stopped.answer() == HELD


def take_turns(barrier: Barrier, database: Path, threads: int, turns: int) -> None:
    """Write a line each turn, with as many threads, until there are `turns` lines in the log."""
    log = database.with_name("log")

    def work() -> None:
        ticket = ticket_for(database)
        lines = 0
        while lines < turns:
            with ticket.hold(phase="turn", deadline=math.inf):
                text = log.read_text() if log.exists() else ""
                lines = text.count("\n")
                # Not an append: whoever reads and writes at the same time loses lines.
                log.write_text(f"{text}{os.getpid()}\n")
                # Long enough for the others to come back to the gate, on a busy machine too: who
                # is not there when the turn is given back cannot have it.
                time.sleep(0.003)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    barrier.wait()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


@pytest.mark.parametrize(
    "threads", [(1, 1, 1), (1, 6)], ids=["three of one thread", "one of one thread, one of six"]
)
def test_processes_take_turns_whatever_their_number_of_threads(
    database: Path, threads: tuple[int, ...]
) -> None:
    turns = 300
    arguments = [(database, number, turns) for number in threads]
    run_in_processes(take_turns, arguments, PATIENCE_S)

    lines = database.with_name("log").read_text().splitlines()
    assert turns <= len(lines) <= turns + sum(threads), "no turn is lost"
    # Which of them starts and ends first is chance: count between.
    middle = lines[turns // 6 : -turns // 6]
    shares = sorted(middle.count(pid) for pid in set(lines))
    assert len(shares) == len(threads)
    assert shares[-1] <= 2 * shares[0], shares
    longest = max(len(list(run)) for _, run in groupby(middle))
    assert longest <= turns // 10, "turns of one process without a break"
