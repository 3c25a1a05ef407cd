"""A real browser without a window: Chromium of the machine, told what to do through a pipe.

Knows Chromium's protocol; must not know the package that is being tested.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome", "chromium-headless-shell")


def browser_program() -> str | None:
    """Return where this machine has Chromium, under one of its names."""
    return next(filter(None, map(shutil.which, NAMES)), None)


_START = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4);"
    " os.execv(sys.argv[3], sys.argv[3:])"
)
"""The protocol's pipe is at the descriptors 3 and 4."""


class Browser:
    """A page in a browser."""

    def __init__(self, told: int, answers: BufferedReader) -> None:
        """Open a page over the two ends of Chromium's pipe."""
        self._told = told
        self._answers = answers
        self._rest = b""
        self._number = 0
        self._session = ""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self.messages: list[str] = []
        """What the page or the browser complained about."""
        self._call("Log.enable")
        self._call("Runtime.enable")
        self._call("Page.enable")

    def open(self, page: Path, *, width: int, dark: bool) -> None:
        """Show a file as a screen of that width would, by day or in the dark."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=844,
            deviceScaleFactor=1,
            mobile=width < 700,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        self._call("Page.navigate", url=page.as_uri())
        while self.ask("document.readyState") != "complete":
            pass

    def ask(self, expression: str) -> Any:
        """Return what an expression is on the page."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"].get("value")

    def picture(self) -> bytes:
        """Return the whole page as a PNG."""
        answer = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(answer["data"])

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._told, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result
            if answer.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown"):
                self.messages.append(json.dumps(answer["params"]))

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = self._answers.read1()
            if not more:
                raise RuntimeError("the browser has ended")
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\0")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def browser(program: str) -> Iterator[Browser]:
    """Run a browser for the length of a `with` block, with a home of its own."""
    told_there, told_here = _pipe()
    answers_here, answers_there = _pipe()
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as home:
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", _START, str(told_there), str(answers_there)),
                *(program, "--headless=new", "--remote-debugging-pipe", "--no-sandbox"),
                *("--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"),
                *("--disable-background-networking", f"--user-data-dir={home}"),
            ],
            pass_fds=(told_there, answers_there),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(told_there)
        os.close(answers_there)
        try:
            with os.fdopen(answers_here, "rb") as answers:
                yield Browser(told_here, answers)
        finally:
            os.close(told_here)
            process.terminate()
            process.wait()


def _pipe() -> tuple[int, int]:
    """Make a pipe whose ends are none of the descriptors that the browser expects them at."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return moved[0], moved[1]
