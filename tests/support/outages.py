"""A way to a PostgreSQL that can be cut, and that can lose a COMMIT or its answer.

Knows sockets and nothing of the package that is being tested.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Literal

import psycopg
from sqlalchemy.engine import URL, make_url

if TYPE_CHECKING:
    from collections.abc import Iterator

Lost = Literal["question", "answer", "late question"]
"""A late question is on its way for longer than the program waits: it arrives after the cut."""

_PIECE = 1 << 16
_COMMIT = re.compile(rb"COMMIT(?!TED)")  # BEGIN says READ COMMITTED


class Way:
    """The way to a server, for all connections that use its `url`. Any thread may call."""

    def __init__(self, url: str) -> None:
        """Listen at a port of this machine for a server of a SQLAlchemy URL."""
        self._target = make_url(url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        here = self._target.set(host="127.0.0.1", port=port, query={})
        self.url = here.render_as_string(hide_password=False)
        self.lost = threading.Event()
        """Set when what `lose_at_commit` ordered has happened."""
        self._lock = threading.Lock()
        self._is_cut = False
        self._order: Lost | None = None
        self._cuts = False
        self._late_s = 0.0
        self._sockets: list[socket.socket] = []
        self._threads = [self._started(self._accept)]

    def cut(self) -> None:
        """Cut all connections, and let no new one in until `heal`."""
        with self._lock:
            self._is_cut = True
            sockets = list(self._sockets)
        for each in sockets:
            _shut(each)

    def heal(self) -> None:
        """Let connections in again."""
        with self._lock:
            self._is_cut = False

    def lose_at_commit(self, what: Lost, *, cut: bool = False, late_s: float = 0.05) -> None:
        """Lose the next COMMIT, or its answer, and cut its connection; with `cut` cut all.

        A late one arrives at the server `late_s` seconds after the program's connection was cut.
        """
        self.lost.clear()
        self._order, self._cuts, self._late_s = what, cut, late_s

    def close(self) -> None:
        """Cut all, for good."""
        _shut(self._listener)
        self.cut()
        for thread in self._threads:
            thread.join()
        for each in (self._listener, *self._sockets):
            each.close()

    def _started(self, run: object, *arguments: object) -> threading.Thread:
        thread = threading.Thread(target=run, args=arguments, daemon=True)  # type: ignore[arg-type]
        thread.start()
        return thread

    def _lose(self) -> None:
        if self._cuts:
            self.cut()
        self.lost.set()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                program, _ = self._listener.accept()
                with self._lock:
                    if self._is_cut:
                        program.close()
                        continue
                    server = connected_socket(self._target)
                    self._sockets += (program, server)
                    losing = threading.Event()
                    self._threads += (
                        self._started(self._carry_questions, program, server, losing),
                        self._started(self._carry_answers, server, program, losing),
                    )

    def _carry_questions(
        self, program: socket.socket, server: socket.socket, losing: threading.Event
    ) -> None:
        with suppress(OSError):
            while said := program.recv(_PIECE):
                if _COMMIT.search(said) and self._order is not None:
                    what, self._order = self._order, None
                    if what == "question":
                        self._lose()
                        break
                    losing.set()
                    if what == "late question":
                        _shut(program)
                        self._lose()
                        time.sleep(self._late_s)
                server.sendall(said)
        _shut(program)
        _shut(server)

    def _carry_answers(
        self, server: socket.socket, program: socket.socket, losing: threading.Event
    ) -> None:
        with suppress(OSError):
            while said := server.recv(_PIECE):
                if losing.is_set():
                    self._lose()
                    break
                program.sendall(said)
        _shut(server)
        _shut(program)


@contextmanager
def way_to(url: str) -> Iterator[Way]:
    """Give a way to the server of a SQLAlchemy URL, and cut it at the end of the block."""
    way = Way(url)
    try:
        yield way
    finally:
        way.close()


def connected_socket(target: URL) -> socket.socket:
    """Connect a socket to where libpq finds the server."""
    conninfo = target.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(conninfo) as asking:
        host, port = asking.info.host, asking.info.port
    if not host.startswith("/"):
        return socket.create_connection((host, port))
    connected = socket.socket(socket.AF_UNIX)
    connected.connect(f"{host}/.s.PGSQL.{port}")
    return connected


def _shut(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
