"""Children that are forked from a process that has loaded everything, and are killed.

Knows the operating system. A new interpreter costs a second of computing, a fork some milliseconds.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
import traceback
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.torture.journal import Journal

_LOOKS_EVERY_S: Final = 0.0005
FAILED: Final = 70
"""How a child ends that raised; its words are in the journal."""


class Child:
    """A forked process that runs a function and then ends, whatever comes."""

    def __init__(self, journal: Journal, run: Callable[[], object]) -> None:
        """Fork. The parent may have no thread but this one: another's locks would stay locked."""
        if threading.active_count() > 1:
            message = f"there are other threads: {threading.enumerate()}"
            raise RuntimeError(message)
        with warnings.catch_warnings():
            # Since 3.12, where a library has threads of its own that hold no lock of Python's.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        self._ended: int | None = None
        if self.pid == 0:
            os._exit(_ran(journal, run))

    def poll(self) -> int | None:
        """Return how it ended, negative for a signal, or None while it runs."""
        if self._ended is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._ended = os.waitstatus_to_exitcode(status)
        return self._ended

    def kill(self) -> bool:
        """Send SIGKILL, wait for the end, and say whether that is what ended it."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        return self.wait() == -signal.SIGKILL

    def wait(self, patience_s: float = PATIENCE_S) -> int:
        """Wait for its end and return how it ended. It is killed if that takes too long."""
        ends = time.monotonic() + patience_s
        while (ended := self.poll()) is None:
            if time.monotonic() > ends:
                os.kill(self.pid, signal.SIGKILL)
            time.sleep(_LOOKS_EVERY_S)
        return ended

    def wait_until(self, condition: Callable[[], bool]) -> bool:
        """Wait until something holds; False if it ended before, or takes too long."""
        ends = time.monotonic() + PATIENCE_S
        while not condition():
            if self.poll() is not None or time.monotonic() > ends:
                return condition()
            time.sleep(_LOOKS_EVERY_S)
        return True


def _ran(journal: Journal, run: Callable[[], object]) -> int:
    """Be the child."""
    gc.disable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which kills this one
    try:
        run()
    except BaseException:  # noqa: BLE001 - it is told to the parent
        journal.tell(traceback.format_exc())
        return FAILED
    return 0
