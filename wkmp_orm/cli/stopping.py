"""Ctrl-C and SIGTERM: the first asks for an orderly end, the second leaves at once.

Knows signals; must not know what is being stopped.
"""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from wkmp_orm.cli.terminal import err, say_note

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from types import FrameType

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
LEFT_AT_ONCE: Final = 130


@contextmanager
def stopping(stop: threading.Event) -> Iterator[None]:
    """Let the signals set `stop` inside a `with` block of the main thread."""
    asked = False

    def ask(_signal: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            # Every phase is whole or absent, whatever happens to us: nothing needs to be tidied.
            err.show_cursor()
            os._exit(LEFT_AT_ONCE)
        asked = True
        stop.set()
        say_note("Stopping when what is being written is whole. Once more to leave at once.")

    before = {number: signal.signal(number, ask) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
