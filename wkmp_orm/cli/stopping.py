"""Handles Ctrl-C and SIGTERM: the first stops the import cleanly, the second exits at once."""

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
    """Make the signals set `stop` during a `with` block in the main thread."""
    asked = False

    def ask(_signal: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            # Every phase is complete or absent in any case, so no cleanup is needed.
            err.show_cursor()
            os._exit(LEFT_AT_ONCE)
        asked = True
        stop.set()
        say_note(
            "Stopping once the current writes are done. Press Ctrl-C again to exit immediately."
        )

    before = {number: signal.signal(number, ask) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
