"""Spans as lines of a file on this machine, for a picture of where the time went.

A line is one JSON object: `name`, `began` (seconds since 1970), `seconds`, `thread`, what describes
the span, and `error`, the name of its class. The first line says what the file is. Spans of
statements are left out: they are most of all spans, and no picture shows them.
"""

from __future__ import annotations

import json
import logging
import os
import stat
import threading
import time
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from wkmp_orm.core.errors import ConfigurationError
from wkmp_orm.core.spans import NO_TRACING
from wkmp_orm.core.tracing.several import Both
from wkmp_orm.core.tracing.usual import usual_tracing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from wkmp_orm.core.spans import Attributes, Metric, Span, Tracing

logger = logging.getLogger("wkmp_orm.tracing")

HEADER: Final = {"trace": "wkmp_orm", "version": 1}


@contextmanager
def traced_to(file: str | os.PathLike[str] | None) -> Iterator[Tracing | None]:
    """Give a block what a database is opened with to write its spans to a file; None: no file.

    OpenTelemetry goes on listening, if it is set up. An older trace in the file's place is
    replaced. Raises ConfigurationError if anything else lies there, or if it cannot be made.
    """
    if file is None:
        yield None
        return
    usual = usual_tracing()
    with _new_file(Path(file).expanduser()) as stream:
        ours = TraceFile(stream)
        yield ours if usual is NO_TRACING else Both(usual, ours)


def is_header(line: bytes) -> bool:
    """Say whether a file that begins with this line is a trace."""
    try:
        return bool(json.loads(line) == HEADER)
    except ValueError:
        return False


def _new_file(place: Path) -> IO[bytes]:
    try:
        _make_way(place)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        # Unbuffered: whoever kills an import can still see what it was doing.
        return os.fdopen(os.open(place, flags, 0o600), "wb", buffering=0)
    except OSError as error:
        msg = f"no trace can be written to {place}: {error.strerror or error}; name another file"
        raise ConfigurationError(msg) from error


def _make_way(place: Path) -> None:
    """Take away an older trace. Raises ConfigurationError for anything else."""
    with suppress(FileNotFoundError):
        if stat.S_ISREG(place.lstat().st_mode):
            with place.open("rb") as older:
                first = older.readline(1_000)
            if is_header(first):
                place.unlink()
                return
        msg = f"{place} is there already and is no trace: name another file, or delete that one"
        raise ConfigurationError(msg)


class TraceFile:
    """Writes spans to a stream; see `Tracing`. What goes wrong is logged once and harms nobody."""

    def __init__(self, stream: IO[bytes]) -> None:
        """Write to a stream that somebody else closes."""
        self._stream = stream
        self._lock = threading.Lock()
        self._is_broken = False
        self._write(dict(HEADER))

    def span(
        self, name: str, attributes: Attributes, *, is_current: bool = True
    ) -> AbstractContextManager[Span]:
        """Trace a `with` block."""
        del is_current
        return _TimedSpan(self, name, attributes)

    def statement(self, _name: str, _attributes: Attributes) -> AbstractContextManager[Span]:
        """Leave a statement out."""
        return _LEFT_OUT

    def past(
        self,
        name: str,
        attributes: Attributes,
        began_ns: int,
        ended_ns: int,
        error: BaseException | None = None,
    ) -> None:
        """Trace something that has ended."""
        line: dict[str, Any] = {
            "name": name,
            "began": began_ns / 1e9,
            "seconds": (ended_ns - began_ns) / 1e9,
            "thread": threading.current_thread().name,
            **attributes,
        }
        if error is not None:
            line["error"] = type(error).__name__
        self._write(line)

    def record(self, metric: Metric, value: float, attributes: Attributes) -> None:
        """Leave numbers out: they are in the spans."""

    def bound(self, function: Callable[[], None]) -> Callable[[], None]:
        """Return the function: lines know threads, and no parents."""
        return function

    def _write(self, line: dict[str, Any]) -> None:
        text = json.dumps(line, separators=(",", ":")).encode()
        with self._lock:
            if self._is_broken:
                return
            try:
                self._stream.write(text + b"\n")
            except (OSError, ValueError) as error:  # a full disk, or a file that is closed
                self._is_broken = True
                logger.warning("the trace ends here, as it cannot be written: %s", error)


class _TimedSpan:
    __slots__ = ("_attributes", "_began_ns", "_error", "_name", "_trace")

    def __init__(self, trace: TraceFile, name: str, attributes: Attributes) -> None:
        self._trace = trace
        self._name = name
        self._attributes = dict(attributes)
        self._began_ns = 0
        self._error: BaseException | None = None

    def set(self, attributes: Attributes) -> None:
        self._attributes.update(attributes)

    def fail(self, error: BaseException) -> None:
        self._error = error

    def __enter__(self) -> Span:
        self._began_ns = time.time_ns()
        return self

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        self._trace.past(
            self._name, self._attributes, self._began_ns, time.time_ns(), error or self._error
        )


class _LeftOut:
    def set(self, attributes: Attributes) -> None:
        pass

    def fail(self, error: BaseException) -> None:
        pass


_LEFT_OUT: Final = nullcontext[Any](_LeftOut())
