"""Writes spans to a local file, from which a report draws where the time went.

Each line is one JSON object: `name`, `began` (seconds since 1970), `seconds`, `thread`, the span's
attributes, and `error`, the name of the error's class. The first line identifies the file. Spans of
statements are left out: they are the majority, and no picture shows them.
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
    """Yield the `tracing` with which a database writes its spans to a file; None without a file.

    If OpenTelemetry is configured, it receives the spans too. An older trace at the path is
    replaced. Raises ConfigurationError if any other file is there or the file cannot be created.
    """
    if file is None:
        yield None
        return
    usual = usual_tracing()
    with _new_file(Path(file).expanduser()) as stream:
        ours = TraceFile(stream)
        yield ours if usual is NO_TRACING else Both(usual, ours)


def is_header(line: bytes) -> bool:
    """Return whether a file that begins with this line is a trace."""
    try:
        return bool(json.loads(line) == HEADER)
    except ValueError:
        return False


def _new_file(place: Path) -> IO[bytes]:
    try:
        _make_way(place)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        # Unbuffered, so that the trace of a killed import shows what it was doing.
        return os.fdopen(os.open(place, flags, 0o600), "wb", buffering=0)
    except OSError as error:
        msg = f"no trace can be written to {place}: {error.strerror or error}; name another file"
        raise ConfigurationError(msg) from error


def _make_way(place: Path) -> None:
    """Delete an older trace. Raises ConfigurationError for any other file."""
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
    """Writes spans to a stream; see `Tracing`. Errors are logged once and otherwise ignored."""

    def __init__(self, stream: IO[bytes]) -> None:
        """Write to a stream that the caller closes."""
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
        """Ignore the statement."""
        return _LEFT_OUT

    def past(
        self,
        name: str,
        attributes: Attributes,
        began_ns: int,
        ended_ns: int,
        error: BaseException | None = None,
    ) -> None:
        """Write a span that has already ended."""
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
        """Ignore the metric: the spans contain the same numbers."""

    def bound(self, function: Callable[[], None]) -> Callable[[], None]:
        """Return the function unchanged: lines name their thread, but no parent span."""
        return function

    def _write(self, line: dict[str, Any]) -> None:
        text = json.dumps(line, separators=(",", ":")).encode()
        with self._lock:
            if self._is_broken:
                return
            try:
                self._stream.write(text + b"\n")
            except (OSError, ValueError) as error:  # a full disk, or a closed file
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
