"""A pool of decoder processes, which are started on demand, reused, and replaced after a crash."""

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
    """A pool of at most `number` decoders; a context manager ends them. Any thread may `run`."""

    def __init__(self, number: int, *, interval_s: float = USUAL_INTERVAL_S) -> None:
        """Start no process yet; `interval_s` is how often the functions call `cancelled`."""
        self._interval_s = interval_s
        # LIFO: if two decoders suffice, a third one is never started. None stands for a decoder
        # that has not been started.
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
        """Call `function(*args, **kwargs, cancelled=...)` in a decoder and return its result.

        The function and its arguments are pickled, so their types must be importable below
        `wkmp_orm.audio`. Waits for a free decoder, and then calls `begun`. Raises what the function
        raises; SoundFileError if the decoder crashes (the next call gets a new one);
        AnalysisCancelledError within the interval after `cancelled` returns true;
        ConfigurationError if no decoder can be started.
        """
        decoder = self._borrow(cancelled)
        try:
            begun()
            if decoder is not None and not decoder.is_alive:
                # It died while it was idle, so no file caused that.
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
        """End all decoders. Call it after the last `run` has returned."""
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
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
