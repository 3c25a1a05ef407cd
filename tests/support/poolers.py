"""Poolers before PostgreSQL: one of our own, and PgBouncer where it is installed.

Ours speaks just enough of the protocol: no TLS, no passwords, no cancelling. Like PgBouncer it
drops the start-up parameters of its clients, tells them a process that does not exist, and takes
its own connection that was used last.
"""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import psycopg
from sqlalchemy.engine import URL, make_url

from .outages import connected_socket
from .patience import PATIENCE_S
from .postgres_binaries import account_of_server

if TYPE_CHECKING:
    from collections.abc import Iterator

Mode = Literal["session", "transaction"]

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
KINDS = ("ours", "PgBouncer") if PGBOUNCER else ("ours",)

_STARTUP = struct.Struct("!ii")
_VERSION = 3 << 16
_TLS, _GSS = 80877103, 80877104


@dataclass(slots=True)
class _Pooler:
    target: URL
    mode: Mode
    most: int
    idle: list[socket.socket] = field(default_factory=list)
    opened: int = 0
    sockets: list[socket.socket] = field(default_factory=list)
    greeting: bytes = b""
    """What the server said when a connection began, up to the number of its process."""
    has_ended: bool = False
    free: threading.Condition = field(default_factory=threading.Condition)

    def take(self) -> socket.socket:
        with self.free:
            while not self.idle and self.opened >= self.most and not self.has_ended:
                self.free.wait()
            if self.has_ended:
                raise ConnectionError
            if self.idle:
                return self.idle.pop()
            self.opened += 1
        return self._open()

    def end(self) -> None:
        with self.free:
            self.has_ended = True
            self.free.notify_all()

    def give_back(self, server: socket.socket) -> None:
        with self.free:
            self.idle.append(server)
            self.free.notify()

    def drop(self, server: socket.socket) -> None:
        server.close()
        with self.free:
            self.opened -= 1
            self.free.notify()

    def _open(self) -> socket.socket:
        wire = connected_socket(self.target)
        self.sockets.append(wire)
        names = (b"user", b"database", b"client_encoding")
        values = (self.target.username or "", self.target.database or "", "UTF8")
        text = b"".join(
            name + b"\0" + value.encode() + b"\0" for name, value in zip(names, values, strict=True)
        )
        wire.sendall(_STARTUP.pack(len(text) + 9, _VERSION) + text + b"\0")
        greeting = b""
        while True:
            kind, message = _message(wire)
            if kind == b"Z":
                self.greeting = greeting
                return wire
            if kind != b"K":
                greeting += kind + message

    def serve(self, client: socket.socket) -> None:
        """Be the server of one client until it goes."""
        server: socket.socket | None = None
        with suppress(OSError, ConnectionError):
            _start_up(client)
            client.sendall(self.greeting + b"K" + struct.pack("!iii", 12, 1 << 30, 7))
            client.sendall(b"Z\0\0\0\x05I")
            while True:
                kind, message = _message(client)
                if kind == b"X":
                    break
                server = server or self.take()
                server.sendall(kind + message)
                if kind in b"QS" and self._answer(server, client) and self.mode == "transaction":
                    self.give_back(server)
                    server = None
        client.close()
        if server is not None:
            self.drop(server)

    def _answer(self, server: socket.socket, client: socket.socket) -> bool:
        """Pass on answers until the server is ready; say whether no transaction is open."""
        while True:
            kind, message = _message(server)
            client.sendall(kind + message)
            if kind == b"Z":
                return message[-1:] == b"I"
            if kind == b"G":  # COPY: the client speaks until it is done
                said = b""
                while said not in {b"c", b"f"}:
                    said, message = _message(client)
                    server.sendall(said + message)


def _start_up(client: socket.socket) -> None:
    while True:
        length, code = _STARTUP.unpack(_exactly(client, 8))
        _exactly(client, length - 8)
        if code not in {_TLS, _GSS}:
            return
        client.sendall(b"N")


def _message(wire: socket.socket) -> tuple[bytes, bytes]:
    kind = _exactly(wire, 1)
    length = _exactly(wire, 4)
    return kind, length + _exactly(wire, int.from_bytes(length) - 4)


def _exactly(wire: socket.socket, number: int) -> bytes:
    read = b""
    while len(read) < number:
        piece = wire.recv(number - len(read))
        if not piece:
            raise ConnectionError
        read += piece
    return read


@contextmanager
def pooler_before(url: str, kind: str, mode: Mode, *, most: int = 20) -> Iterator[str]:
    """Give the URL of a pooler before the server of a SQLAlchemy URL; `most` connections in all."""
    give = _pgbouncer if kind == "PgBouncer" else _ours
    with give(make_url(url), mode, most) as port:
        here = make_url(url).set(host="127.0.0.1", port=port, query={})
        yield here.render_as_string(hide_password=False)


@contextmanager
def _ours(target: URL, mode: Mode, most: int) -> Iterator[int]:
    pooler = _Pooler(target, mode, most)
    pooler.give_back(pooler.take())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        clients: list[socket.socket] = []
        serving: list[threading.Thread] = []

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    clients.append(client)
                    serving.append(
                        threading.Thread(target=pooler.serve, args=(client,), daemon=True)
                    )
                    serving[-1].start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            pooler.end()
            for each in (listener, *clients, *pooler.sockets):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            for running in (thread, *serving):
                running.join()
            for each in (*clients, *pooler.sockets):
                each.close()


@contextmanager
def _pgbouncer(target: URL, mode: Mode, most: int) -> Iterator[int]:
    conninfo = target.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(conninfo) as asking:
        host, port = asking.info.host, asking.info.port
    account = account_of_server()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bouncer-")))
        with socket.create_server(("127.0.0.1", 0)) as free:
            at = free.getsockname()[1]
        settings = folder / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n* = host={host} port={port} user={target.username}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {at}\nunix_socket_dir =\n"
            f"auth_type = any\npool_mode = {mode}\ndefault_pool_size = {most}\n"
        )
        folder.chmod(0o755)
        settings.chmod(0o644)
        process = stack.enter_context(
            subprocess.Popen([str(PGBOUNCER), "-q", settings], stderr=subprocess.DEVNULL, **account)
        )
        stack.callback(process.terminate)
        end = time.monotonic() + PATIENCE_S
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", at)):
                break
            assert process.poll() is None, "PgBouncer did not start"
            assert time.monotonic() < end
            time.sleep(0.01)
        yield at
