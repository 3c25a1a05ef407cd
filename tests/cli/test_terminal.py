"""An import on a terminal shows progress once, also in a window that is resized, and is tidy."""

from __future__ import annotations

import codecs
import io
import os
import pty
import select
import signal
import subprocess
import termios
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from tests.cli.test_live_view import NOW, PROGRESS, worker
from tests.support.commands import command, environment
from tests.support.patience import PATIENCE_S
from tests.support.screen import Screen
from tests.support.sound import make_sound
from wkmp_orm.cli import progress_display, terminal
from wkmp_orm.cli.live_view import live_view
from wkmp_orm.orchestrator import Stage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wkmp_orm.orchestrator import ImportProgress

BEFORE = "$ wkmp-orm import"
LONG = replace(
    PROGRESS, active=tuple(worker(number, path="a folder/" * 5 + "01.flac") for number in (1, 2, 3))
)


def drawn(progress: ImportProgress, width: int) -> list[str]:
    """Return what a terminal shows that was always so wide."""
    sent = io.StringIO()
    console = Console(file=sent, force_terminal=True, width=width, height=24)
    console.print(live_view(progress, now=NOW, height=24, width=width))
    screen = Screen(width)
    screen.write(sent.getvalue())
    return screen.lines()


class Window:
    """A terminal whose size changes, and what an import writes to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._sent = io.StringIO()
        self._console = Console(
            file=self._sent, force_terminal=True, width=100, height=24, soft_wrap=True
        )
        monkeypatch.setattr(progress_display, "err", self._console)
        self.screen = Screen(100)
        self.screen.write(f"{BEFORE}\n")

    def resize(self, width: int) -> None:
        self._look()
        self._console.width = width
        self.screen.resize(width)

    def lines(self) -> list[str]:
        self._look()
        return self.screen.lines()

    def _look(self) -> None:
        self.screen.write(self._sent.getvalue())
        self._sent.seek(0)
        self._sent.truncate()


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> Window:
    monkeypatch.setattr(time, "monotonic", lambda: NOW)
    return Window(monkeypatch)


@pytest.mark.parametrize("widths", [(60, 40), (30, 100, 50), (99, 20, 21, 80), (40, 120, 60)])
def test_after_each_resize_the_view_is_there_once(window: Window, widths: tuple[int, ...]) -> None:
    with progress_display.progress_display() as show:
        show(LONG)
        for width in widths:
            window.resize(width)
            show(LONG)
            assert window.lines() == [BEFORE, *drawn(LONG, width)]


def _ends_by_itself(show: Callable[..., None]) -> None:
    show(replace(LONG, stage=Stage.ENDED))


@pytest.mark.parametrize("end", [_ends_by_itself, lambda _: None], ids=["ended", "stopped"])
def test_when_the_window_was_resized_at_the_end_nothing_is_left(
    window: Window, end: Callable[..., None]
) -> None:
    with progress_display.progress_display() as show:
        show(LONG)
        window.resize(35)
        end(show)
    assert window.lines() == [BEFORE]


def read_terminal(*arguments: object, home: Path) -> tuple[int, str, list[str]]:
    """Run a command on a terminal, which becomes narrower once workers are shown.

    Returns its exit code, all that it sent, and what the terminal shows in the end.
    """
    ours, theirs = pty.openpty()
    screen = Screen(100)
    termios.tcsetwinsize(ours, (24, 100))
    with subprocess.Popen(
        command(*arguments),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(home),
        start_new_session=True,
    ) as process:
        try:
            os.close(theirs)
            received = ""
            decoder = codecs.getincrementaldecoder("utf-8")()
            is_narrow = False
            while select.select([ours], [], [], PATIENCE_S)[0]:
                try:
                    read = os.read(ours, 65_536)
                except OSError:  # the terminal has no other end any more
                    break
                if not read:
                    break
                text = decoder.decode(read)
                received += text
                screen.write(text)
                if "segmentation" in received and not is_narrow:
                    is_narrow = True
                    termios.tcsetwinsize(ours, (24, 60))
                    process.send_signal(signal.SIGWINCH)
                    screen.resize(60)
            os.close(ours)
            return process.wait(PATIENCE_S), received, screen.lines()
        finally:
            process.kill()


@pytest.mark.smoke
def test_a_terminal_shows_progress_and_is_tidy_afterwards(home: Path) -> None:
    album = home / "Music"
    album.mkdir()
    for number in range(20):
        make_sound(album / f"{number}.flac", seconds=0.2, frequency=900 + number)
    code, sent, lines = read_terminal("import", album, home=home)
    assert code == 0
    assert "Importing  " in sent
    assert "segmentation" in sent  # what its workers are doing
    assert "\x1b[?25l" in sent  # the cursor is hidden
    assert sent.rindex("\x1b[?25h") > sent.rindex("\x1b[?25l")  # and shown again
    assert "".join(lines).startswith(f"Importing {album} into {album / 'wkmp.db'}Imported 20 files")


def test_notes_break_between_words_and_their_commands_can_be_copied_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent = io.StringIO()
    console = Console(file=sent, force_terminal=True, width=60, soft_wrap=True, color_system=None)
    monkeypatch.setattr(terminal, "out", console)
    command_ = "wkmp-orm settings set acoustid_api_key KEY --database '/my music/of many years.db'"
    what = "No key is configured, so that nobody is asked what has no tags at all"
    terminal.print_advice(lambda command: f"{what}. Give one: {command(command_)}, or not")
    *words, line, last = sent.getvalue().splitlines()
    assert (line, last) == (f"  {command_}", "or not")
    assert " ".join(" ".join(words).split()) == f"{what}. Give one:"
    assert max(map(len, words)) <= 60
