"""The writer ticket among the threads of one process, and what it leaves beside the database."""

from __future__ import annotations

import errno
import fcntl
import logging
import math
import os
import resource
import signal
import stat
import sys
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.patience import PATIENCE_S
from tests.support.unprivileged import NOBODY, public_folder, without_privileges
from wkmp_orm.core.engine import lock_file
from wkmp_orm.core.engine.ticket import WriterTicket, ticket_for
from wkmp_orm.errors import LockTimeoutError, UnitOfWorkError, WrongOwnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType
    from typing import Any


def soon(seconds: float = PATIENCE_S) -> float:
    return time.monotonic() + seconds


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


def wait_for(condition: Callable[[], bool]) -> None:
    """Look every millisecond, as being in a queue is not an event; fail after PATIENCE_S."""
    end = soon()
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


class Writer(threading.Thread):
    """A thread that holds the ticket from when it gets it until it is told to finish."""

    def __init__(self, ticket: WriterTicket, phase: str = "writing") -> None:
        super().__init__(daemon=True)
        self.ticket = ticket
        self.phase = phase
        self.holds = threading.Event()
        self.may_finish = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            with self.ticket.hold(phase=self.phase, deadline=soon()):
                self.holds.set()
                assert self.may_finish.wait(PATIENCE_S)
        except BaseException as error:  # noqa: BLE001 - it is raised by `finish`
            self.error = error

    def start_and_queue(self) -> Writer:
        waiting = self.ticket.waiting
        self.start()
        wait_for(lambda: self.ticket.waiting == waiting + 1)
        return self

    def start_and_hold(self) -> Writer:
        self.start()
        assert self.holds.wait(PATIENCE_S)
        return self

    def finish(self) -> None:
        self.may_finish.set()
        self.join(PATIENCE_S)
        assert not self.is_alive()
        if self.error is not None:
            raise self.error


def is_free(ticket: WriterTicket, database: Path) -> bool:
    """Say whether another thread and another queue at the same files both get a turn at once."""
    Writer(ticket).start_and_hold().finish()
    stranger = WriterTicket(database)
    with stranger.hold(phase="stranger", deadline=soon()):
        pass
    stranger.close()
    return ticket.holder is None


def descriptors(database: Path) -> list[int]:
    """Find this process's open descriptors of the lock files beside `database`."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one through which we are looking
            if str(entry.readlink()).startswith(f"{database}-"):
                found.append(int(entry.name))
    return found


def names_beside(database: Path) -> list[str]:
    return sorted(path.name for path in database.parent.iterdir())


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="open descriptors are listed in /proc"
)


@pytest.mark.smoke
def test_threads_get_the_ticket_in_the_order_in_which_they_came(ticket: WriterTicket) -> None:
    order: list[int] = []

    def take_a_turn(number: int) -> None:
        with ticket.hold(phase=f"turn {number}", deadline=soon()):
            order.append(number)

    threads = [threading.Thread(target=take_a_turn, args=(number,)) for number in range(12)]
    with ticket.hold(phase="first", deadline=soon()):
        for number, thread in enumerate(threads):
            thread.start()
            wait_for(lambda: ticket.waiting == number + 1)  # noqa: B023
    for thread in threads:
        thread.join(PATIENCE_S)
    assert order == list(range(12))


def test_one_thread_at_a_time_holds_the_ticket(ticket: WriterTicket) -> None:
    holding = 0
    seen: list[int] = []

    def take_turns() -> None:
        nonlocal holding
        for _ in range(50):
            with ticket.hold(phase="turn", deadline=soon()):
                holding += 1
                time.sleep(0)
                seen.append(holding)
                holding -= 1

    threads = [threading.Thread(target=take_turns) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert seen == [1] * 400


def test_a_wait_past_its_deadline_names_the_holder(ticket: WriterTicket, database: Path) -> None:
    before = datetime.now(UTC)
    holder = Writer(ticket, phase="recording").start_and_hold()
    started = time.monotonic()
    with pytest.raises(LockTimeoutError) as caught:
        ticket.acquire(phase="tags", deadline=soon(0.05))
    assert time.monotonic() - started >= 0.05
    holder.finish()

    assert caught.value.waited_ms >= 50
    assert caught.value.holder is not None
    assert caught.value.holder.pid == os.getpid()
    assert caught.value.holder.phase == "recording"
    assert before <= caught.value.holder.since <= datetime.now(UTC)
    assert str(database) in str(caught.value)
    assert f"process {os.getpid()}" in str(caught.value)


def test_a_waiter_that_gave_up_is_passed_over(ticket: WriterTicket, database: Path) -> None:
    holder = Writer(ticket).start_and_hold()
    with pytest.raises(LockTimeoutError):
        ticket.acquire(phase="impatient", deadline=soon(0.01))
    patient = Writer(ticket).start_and_queue()
    with pytest.raises(LockTimeoutError):
        ticket.acquire(phase="impatient", deadline=soon(0.01))
    assert ticket.waiting == 1

    holder.finish()
    assert patient.holds.wait(PATIENCE_S)
    patient.finish()
    assert is_free(ticket, database)


def test_a_free_ticket_is_given_even_after_the_deadline(ticket: WriterTicket) -> None:
    with ticket.hold(phase="late", deadline=-math.inf):
        assert ticket.holder is not None


def test_a_deadline_may_be_infinitely_far_away(ticket: WriterTicket) -> None:
    holder = Writer(ticket).start_and_hold()
    threading.Timer(0.01, holder.may_finish.set).start()
    with ticket.hold(phase="patient", deadline=math.inf):
        pass
    holder.finish()


def test_a_thread_is_refused_to_wait_for_itself(ticket: WriterTicket, database: Path) -> None:
    with ticket.hold(phase="outer", deadline=soon()):
        with pytest.raises(UnitOfWorkError, match=r"already holds .* for outer"):
            ticket.acquire(phase="inner", deadline=soon())
        assert ticket.holder is not None
        assert ticket.holder.phase == "outer"
    assert is_free(ticket, database)


def test_only_the_thread_that_holds_the_ticket_may_release_it(ticket: WriterTicket) -> None:
    with pytest.raises(WrongOwnerError):
        ticket.release()
    holder = Writer(ticket).start_and_hold()
    with pytest.raises(WrongOwnerError):
        ticket.release()
    assert ticket.holder is not None
    holder.finish()


def test_a_block_that_is_left_in_another_thread_gives_the_ticket_back(
    ticket: WriterTicket, database: Path
) -> None:
    block = ticket.hold(phase="a request", deadline=soon())
    entering = threading.Thread(target=block.__enter__)
    entering.start()
    entering.join(PATIENCE_S)
    assert ticket.holder is not None
    block.__exit__(None, None, None)
    assert is_free(ticket, database)


def test_an_error_in_the_block_gives_the_ticket_back(ticket: WriterTicket, database: Path) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        ticket.hold(phase="failing", deadline=soon()),
    ):
        raise ZeroDivisionError
    assert is_free(ticket, database)


@pytest.mark.smoke
@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs a signal to one thread")
def test_ctrl_c_during_the_wait_strands_nobody(ticket: WriterTicket, database: Path) -> None:
    def press_ctrl_c() -> None:
        wait_for(lambda: ticket.waiting == 1)
        patient.start_and_queue()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    holder = Writer(ticket).start_and_hold()
    patient = Writer(ticket)
    interrupter = threading.Thread(target=press_ctrl_c)
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        interrupter.start()
        with pytest.raises(KeyboardInterrupt):
            ticket.acquire(phase="interrupted", deadline=soon())
    finally:
        signal.signal(signal.SIGINT, former)
    interrupter.join(PATIENCE_S)
    assert ticket.waiting == 1
    holder.finish()
    assert patient.holds.wait(PATIENCE_S)
    patient.finish()
    assert is_free(ticket, database)


@contextmanager
def interrupted(number: int) -> Iterator[list[str]]:
    """Raise KeyboardInterrupt at the `number`-th place in the ticket's code where Ctrl-C can come.

    Those are the entry of a function and the return from a built-in one. The entry into the end of
    a `with` block does not count: no code of ours has begun. Gives the list of places met so far.
    """
    places: list[str] = []
    rooms = {"ticket.py", "process_queue.py", "lock_file.py"}

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        entry = event == "call" and code.co_name not in {"__exit__", "release"}
        if Path(code.co_filename).name in rooms and (entry or event == "c_return"):
            places.append(f"{code.co_filename}:{frame.f_lineno} {event} {argument}")
            if len(places) == number:
                raise KeyboardInterrupt

    former = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield places
    finally:
        sys.setprofile(former)


@contextmanager
def uninterrupted() -> Iterator[None]:
    former = sys.getprofile()
    sys.setprofile(None)
    try:
        yield
    finally:
        sys.setprofile(former)


@pytest.mark.parametrize("others", [0, 2], ids=["alone", "before waiting threads"])
def test_ctrl_c_at_any_point_leaves_the_ticket_free(database: Path, others: int) -> None:
    for number in range(1, 200):
        ticket = WriterTicket(database)
        writers = [Writer(ticket) for _ in range(others)]
        try:
            with (
                interrupted(number) as places,
                ticket.hold(phase="interrupted", deadline=soon()),
                uninterrupted(),
            ):
                for writer in writers:
                    writer.start_and_queue()
        except KeyboardInterrupt:
            pass
        for writer in writers:
            if writer.ident is None:
                writer.start()
            writer.may_finish.set()
        for writer in writers:
            writer.finish()
        assert is_free(ticket, database), places[-1]
        ticket.close()
        if len(places) < number:
            break
    assert 20 < len(places) < number


def test_ctrl_c_at_any_point_behind_another_process_leaves_the_ticket_free(database: Path) -> None:
    for number in range(1, 300):
        ticket = WriterTicket(database)
        stranger = WriterTicket(database)  # as far as the lock files know, another process
        writer = Writer(stranger).start_and_hold()
        given_up = threading.Event()

        def finish_when_waited_for(
            ticket: WriterTicket, writer: Writer, up: threading.Event
        ) -> None:
            wait_for(lambda: ticket.waiting == 1 or up.is_set())
            writer.finish()

        finisher = threading.Thread(target=finish_when_waited_for, args=(ticket, writer, given_up))
        finisher.start()
        try:
            with interrupted(number) as places, ticket.hold(phase="interrupted", deadline=soon()):
                pass
        except KeyboardInterrupt:
            pass
        given_up.set()
        finisher.join(PATIENCE_S)
        assert is_free(ticket, database), places[-1]
        stranger.close()
        ticket.close()
        if len(places) < number:
            break
    assert 20 < len(places) < number


def test_nothing_is_made_before_the_first_acquire(ticket: WriterTicket, database: Path) -> None:
    assert ticket.holder is None
    assert names_beside(database) == ["wkmp.db"]
    with ticket.hold(phase="first", deadline=soon()):
        names = names_beside(database)
    assert names == ["wkmp.db", "wkmp.db-gate", "wkmp.db-ticket"]


def test_the_lock_files_are_never_deleted(ticket: WriterTicket, database: Path) -> None:
    with ticket.hold(phase="first", deadline=soon()):
        inode = Path(f"{database}-ticket").stat().st_ino
    ticket.close()
    with ticket.hold(phase="second", deadline=soon()):
        assert Path(f"{database}-ticket").stat().st_ino == inode


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o666], ids=oct)
def test_the_lock_files_have_the_mode_of_the_database(
    ticket: WriterTicket, database: Path, mode: int
) -> None:
    database.chmod(mode)
    umask = os.umask(0o077)
    try:
        with ticket.hold(phase="first", deadline=soon()):
            pass
    finally:
        os.umask(umask)
    for name in ("gate", "ticket"):
        assert stat.S_IMODE(Path(f"{database}-{name}").stat().st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_root_makes_the_lock_files_for_the_owner_of_the_database(
    ticket: WriterTicket, database: Path
) -> None:
    os.chown(database, NOBODY, NOBODY)
    with ticket.hold(phase="first", deadline=soon()):
        pass
    for name in ("gate", "ticket"):
        status = Path(f"{database}-{name}").stat()
        assert (status.st_uid, status.st_gid) == (NOBODY, NOBODY)


@needs_proc
def test_no_program_that_is_started_inherits_the_lock_files(
    ticket: WriterTicket, database: Path
) -> None:
    with ticket.hold(phase="first", deadline=soon()):
        opened = descriptors(database)
        assert len(opened) == 2
        assert not any(os.get_inheritable(descriptor) for descriptor in opened)


@needs_proc
def test_a_closed_ticket_has_no_file_open_and_opens_them_again(
    ticket: WriterTicket, database: Path
) -> None:
    for _ in range(2):
        with ticket.hold(phase="first", deadline=soon()):
            assert len(descriptors(database)) == 2
        ticket.close()
        assert descriptors(database) == []


@needs_proc
def test_close_waits_until_nobody_needs_the_ticket(ticket: WriterTicket, database: Path) -> None:
    with ticket.hold(phase="first", deadline=soon()):
        ticket.close()
        stranger = WriterTicket(database)
        with pytest.raises(LockTimeoutError):
            stranger.acquire(phase="stranger", deadline=soon(0.01))
        stranger.close()
    wait_for(lambda: descriptors(database) == [])


@pytest.mark.parametrize(
    "phase",
    ["import", "two words\tand a tab\nand a line", "Flügel 飛ぶ \ud800", "long " * 100, ""],
    ids=["plain", "white space", "not ASCII", "long", "empty"],
)
def test_another_queue_can_read_who_holds_the_ticket(
    ticket: WriterTicket, database: Path, phase: str
) -> None:
    stranger = WriterTicket(database)
    with ticket.hold(phase=phase, deadline=soon()):
        holder = stranger.holder
    assert holder is not None
    assert (holder.pid, holder.host) == (os.getpid(), lock_file.HOST)
    assert datetime.now(UTC) - holder.since < timedelta(seconds=PATIENCE_S)
    readable = phase.encode(errors="replace").decode().rstrip(" ")
    assert readable.startswith(holder.phase)
    assert len(holder.phase.encode()) >= min(len(readable.encode()), 150)
    assert stranger.holder is None


@pytest.mark.parametrize(
    "note", [b"", b"x" * 300, b"00000000\t1\t2\thost\tphase\n"], ids=["none", "foreign", "torn"]
)
def test_a_note_that_is_not_ours_names_nobody(
    ticket: WriterTicket, database: Path, note: bytes
) -> None:
    stranger = WriterTicket(database)
    with ticket.hold(phase="first", deadline=soon()):
        Path(f"{database}-ticket").write_bytes(note)
        assert stranger.holder is None


def test_two_databases_have_two_tickets(ticket: WriterTicket, tmp_path: Path) -> None:
    other = ticket_for(tmp_path / "other.db")
    assert other is not ticket
    with ticket.hold(phase="one", deadline=soon()), other.hold(phase="two", deadline=soon()):
        assert ticket.holder != other.holder
    other.close()


def test_every_way_to_one_file_leads_to_one_ticket(
    ticket: WriterTicket, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = database.with_name("link.db")
    link.symlink_to(database)
    monkeypatch.chdir(database.parent)
    ways = [
        database,
        link,
        Path("wkmp.db"),
        database.parent / ".." / database.parent.name / "link.db",
    ]
    assert [ticket_for(way) is ticket for way in ways] == [True] * 4
    with ticket.hold(phase="first", deadline=soon()):
        assert not Path(f"{link}-ticket").exists()


def test_a_database_that_is_made_later_keeps_its_ticket(tmp_path: Path) -> None:
    database = tmp_path / "new.db"
    ticket = ticket_for(database)
    with ticket.hold(phase="creating", deadline=soon()):
        database.touch()
    assert ticket_for(database) is ticket
    ticket.close()


@contextmanager
def folder_that_cannot_be_written() -> Iterator[Path]:
    with public_folder() as folder:
        database = folder / "wkmp.db"
        database.touch()
        folder.chmod(0o555)
        with without_privileges():
            yield database
        folder.chmod(0o755)


@contextmanager
def lock_file_of_somebody_else() -> Iterator[Path]:
    with public_folder() as folder:
        (folder / "wkmp.db-ticket").touch(mode=0o600)
        with without_privileges():
            yield folder / "wkmp.db"


@contextmanager
def file_system_without_locks() -> Iterator[Path]:
    def flock(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    with public_folder() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("fcntl.flock", flock)
        yield folder / "wkmp.db"


@pytest.mark.parametrize(
    "place",
    [folder_that_cannot_be_written, lock_file_of_somebody_else, file_system_without_locks],
    ids=["read-only folder", "a file of somebody else's", "no locks"],
)
def test_without_lock_files_threads_still_take_turns(
    place: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    with place() as database, caplog.at_level(logging.WARNING, logger="wkmp_orm.ticket"):
        ticket = WriterTicket(database)
        for _ in range(3):
            holder = Writer(ticket, phase="recording").start_and_hold()
            with pytest.raises(LockTimeoutError) as caught:
                ticket.acquire(phase="tags", deadline=soon(0.01))
            assert caught.value.holder is not None
            patient = Writer(ticket).start_and_queue()
            assert not patient.holds.is_set()
            holder.finish()
            assert patient.holds.wait(PATIENCE_S)
            patient.finish()
            assert ticket.holder is None
        # A second queue at the same files shows that they are not used.
        with (
            ticket.hold(phase="one", deadline=soon()),
            WriterTicket(database).hold(phase="two", deadline=soon()),
        ):
            pass
        ticket.close()
    warnings = [record for record in caplog.records if record.name == "wkmp_orm.ticket"]
    assert [record.levelname for record in warnings] == ["WARNING"] * 2, "one for each ticket"
    assert str(database) in warnings[0].getMessage()


def test_locks_that_fail_later_do_not_fail_a_writer(
    ticket: WriterTicket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def flock(_descriptor: int, operation: int) -> None:
        if operation != fcntl.LOCK_UN:
            raise OSError(errno.ENOLCK, "No locks available")

    holder = Writer(ticket).start_and_hold()
    patient = Writer(ticket).start_and_queue()
    monkeypatch.setattr("fcntl.flock", flock)
    holder.finish()
    assert patient.holds.wait(PATIENCE_S)
    patient.finish()
    Writer(ticket).start_and_hold().finish()
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@contextmanager
def no_room() -> Iterator[None]:
    """Let no file of this process grow or be written, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_does_not_keep_the_ticket_from_a_writer(
    ticket: WriterTicket, database: Path
) -> None:
    with no_room(), ticket.hold(phase="first", deadline=soon()):
        stranger = WriterTicket(database)
        assert stranger.holder is None, "it held, but could not say so"
        with pytest.raises(LockTimeoutError) as caught:
            stranger.acquire(phase="second", deadline=soon(0.01))
    assert caught.value.holder is None, "above all it is not the one that waits"
    stranger.close()


def test_a_lock_file_that_somebody_cut_is_written_anew(
    ticket: WriterTicket, database: Path
) -> None:
    with ticket.hold(phase="first", deadline=soon()):
        pass
    os.truncate(f"{database}-ticket", 0)
    with ticket.hold(phase="second", deadline=soon()):
        holder = WriterTicket(database).holder
    assert holder is not None
    assert holder.phase == "second"
