"""The decoders of an import: started when there is something to decode, used again, replaced."""

from __future__ import annotations

import logging
import os
import queue
from typing import TYPE_CHECKING, Any, Final, Self

from wkmp_orm.audio.decoders.decoder import LOOKED_UP_EVERY_S, Decoder, DecoderDiedError, death_of
from wkmp_orm.audio.decoders.messages import Job
from wkmp_orm.errors import AnalysisCancelledError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

logger = logging.getLogger("wkmp_orm.audio")

USUAL_INTERVAL_S: Final = 1.0


class Decoders:
    """At most so many decoders. A context manager that ends them. Any thread may call `run`."""

    def __init__(self, number: int, *, interval_s: float = USUAL_INTERVAL_S) -> None:
        """Prepare; `interval_s` is how often the functions look up whether they are cancelled."""
        self._interval_s = interval_s
        # The last one that was used is the first to be used again: where two suffice, a third is
        # never started. None is one that has not been started.
        self._idle: queue.LifoQueue[Decoder | None] = queue.LifoQueue()
        self._number = number
        for _ in range(number):
            self._idle.put(None)

    def run(
        self,
        function: Callable[..., Any],
        *args: Any,
        cancelled: Callable[[], bool],
        begun: Callable[[], object] = bool,
        **kwargs: Any,
    ) -> Any:
        """Call `function(*args, **kwargs, cancelled=...)` in a decoder and return its answer.

        The function and its arguments are pickled, and what they are made of must be importable
        below `wkmp_orm.audio`. Waits for a decoder that is free, and calls `begun` when it has one.

        Raises what the function raises; SoundFileError when the decoder crashed, and the next call
        gets a new one; AnalysisCancelledError within the interval when `cancelled` says so;
        ConfigurationError when no decoder can be started.
        """
        decoder = self._borrow(cancelled)
        try:
            begun()
            if decoder is not None and not decoder.is_alive:
                # It died while nobody used it: that is no file's fault.
                decoder.close()
                decoder = None
            decoder = decoder or Decoder()
            return decoder.run(Job(function, args, kwargs), cancelled, interval_s=self._interval_s)
        except DecoderDiedError as error:
            logger.warning("a decoder crashed (%s) and is replaced", error)
            raise death_of(error) from error
        finally:
            self._idle.put(decoder)

    def _borrow(self, cancelled: Callable[[], bool]) -> Decoder | None:
        while not cancelled():
            try:
                return self._idle.get(timeout=LOOKED_UP_EVERY_S)
            except queue.Empty:
                continue
        raise AnalysisCancelledError("cancelled before a decoder was free")

    def close(self) -> None:
        """End all decoders. Call it when no thread is in `run` any more."""
        for _ in range(self._number):
            decoder = self._idle.get()
            if decoder is not None:
                decoder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()


def number_of_processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
