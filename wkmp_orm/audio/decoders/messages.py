"""The messages between a decoder and its parent process, and their format in the pipe."""

from __future__ import annotations

import pickle
import struct
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from typing import IO

_HEADER: Final = struct.Struct("<BI")


class Kind(Enum):
    """The kinds of messages: jobs and cancellations to a decoder, readiness and answers from it."""

    JOB = 1
    CANCEL = 2
    READY = 3
    ANSWER = 4


@dataclass(frozen=True, slots=True)
class Job:
    """A function to call with its arguments; `cancelled` is added as a keyword argument."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """The function's result, or the exception that it raised."""

    value: Any = None
    error: BaseException | None = None

    def result(self) -> Any:
        """Return the value or raise the error."""
        if self.error is not None:
            raise self.error
        return self.value


def send(pipe: IO[bytes], kind: Kind, payload: bytes = b"") -> None:
    """Write a message. Raises OSError if the other end is closed."""
    # A single write wakes the reader up once.
    pipe.write(_HEADER.pack(kind.value, len(payload)) + payload)
    pipe.flush()


def receive(pipe: IO[bytes]) -> tuple[Kind, bytes]:
    """Read a message. Raises EOFError if the other end is closed."""
    kind, length = _HEADER.unpack(_exactly(pipe, _HEADER.size))
    return Kind(kind), _exactly(pipe, length)


def answered(function: Callable[[], Any]) -> bytes:
    """Call a function and return its pickled answer: a result or an exception."""
    try:
        return pickle.dumps(Answer(value=function()))
    except BaseException as error:  # noqa: BLE001  it is raised in the parent
        error.add_note("".join(traceback.format_exception(error)))
        try:
            pickled = pickle.dumps(Answer(error=error))
            pickle.loads(pickled)  # noqa: S301  many errors can be pickled, but not made again
        except Exception:  # noqa: BLE001  whatever their own methods raise
            unnamed = RuntimeError(f"{type(error).__qualname__}: {error}")
            unnamed.__notes__ = error.__notes__
            return pickle.dumps(Answer(error=unnamed))
        return pickled


def _exactly(pipe: IO[bytes], length: int) -> bytes:
    parts = []
    while length:
        part = pipe.read(length)
        if not part:
            raise EOFError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
