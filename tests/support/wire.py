"""Stands between a program and its PostgreSQL: counts round trips, and makes them as long as asked.

Knows sockets and nothing of the package that is being tested.

A round trip is counted when the program speaks after it has been answered. Answers are held back a
while, so that a program that does not wait for them has said everything before it hears the first.
"""

from __future__ import annotations

import socket
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from sqlalchemy.engine import URL, make_url

from tests.support.outages import connected_socket

if TYPE_CHECKING:
    from collections.abc import Iterator

HELD_BACK_S: Final = 0.004
"""A program that has everything ready sends it within this time, unless it is interrupted."""

_PORT: Final = 5432
_PIECE: Final = 1 << 16


class Wire:
    """The way to a server, for all connections that use its `url`."""

    def __init__(self, url: URL, delay_s: float) -> None:
        """Take connections at `url`; each answer arrives `delay_s` after the server gave it."""
        self.url = url.render_as_string(hide_password=False)
        self.delay_s = delay_s
        self.round_trips = 0
        """How often a program has spoken after it was answered, since the beginning."""
        self.lock = threading.Lock()

    @contextmanager
    def counting(self) -> Iterator[list[int]]:
        """Give a list that has one number in the end: the round trips inside the block."""
        counted: list[int] = []
        before = self.round_trips
        yield counted
        counted.append(self.round_trips - before)


class _Connection:
    """One connection's two ways, each a thread."""

    def __init__(self, wire: Wire, program: socket.socket, server: socket.socket) -> None:
        self._wire = wire
        self._program, self._server = program, server
        self._was_answered = True
        self._answers: SimpleQueue[tuple[float, bytes]] = SimpleQueue()
        self.threads = [
            threading.Thread(target=run, daemon=True)
            for run in (self._to_server, self._from_server, self._to_program)
        ]
        for thread in self.threads:
            thread.start()

    def close(self) -> None:
        for each in (self._program, self._server):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _to_server(self) -> None:
        with suppress(OSError):
            while said := self._program.recv(_PIECE):
                with self._wire.lock:
                    self._wire.round_trips += self._was_answered
                    self._was_answered = False
                self._server.sendall(said)
        self.close()

    def _from_server(self) -> None:
        with suppress(OSError):
            while answer := self._server.recv(_PIECE):
                self._answers.put((time.monotonic() + self._wire.delay_s, answer))
        self._answers.put((0.0, b""))

    def _to_program(self) -> None:
        with suppress(OSError):
            while True:
                at, answer = self._answers.get()
                if not answer:
                    break
                time.sleep(max(0.0, at - time.monotonic()))
                with self._wire.lock:
                    self._was_answered = True
                self._program.sendall(answer)
        self.close()


@contextmanager
def wire_to(url: str, *, delay_s: float = HELD_BACK_S) -> Iterator[Wire]:
    """Give a wire to the server of a SQLAlchemy URL, and cut it at the end of the block."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wire-")))
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(folder / f".s.PGSQL.{_PORT}"))
        listener.listen()
        target = make_url(url)
        wire = Wire(target.set(host=None, port=_PORT, query={"host": str(folder)}), delay_s)
        connections: list[_Connection] = []

        def accept() -> None:
            with suppress(OSError):
                while True:
                    program, _ = listener.accept()
                    connections.append(_Connection(wire, program, connected_socket(target)))

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield wire
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in connections:
                connection.close()
                for each in connection.threads:
                    each.join()
                connection._program.close()
                connection._server.close()
