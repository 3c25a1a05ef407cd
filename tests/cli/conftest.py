"""What the tests of all commands need: a user's home, and commands that run in this process."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from tests.support.flavor import stand_in_for_essentia
from wkmp_orm import cli

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Give the empty home of a user."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def source_of_flavor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give an import in this process somebody to ask."""
    stand_in_for_essentia(monkeypatch)


@pytest.fixture
def run_here() -> Iterator[Callable[..., int]]:
    """Give a function that runs a command in this process and returns its exit code.

    A process of its own costs a second; it is started where signals, streams or terminals matter.
    """
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield lambda *arguments: cli._run([*map(str, arguments)])
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("wkmp_orm").setLevel(logging.NOTSET)


@pytest.fixture
def refused(run_here: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Give a function that runs a command which cannot start, and returns its message."""

    def run(*arguments: object) -> str:
        assert run_here(*arguments) == 2
        said = capsys.readouterr().err
        assert "Traceback (most recent call last)" not in said
        assert said.count("Error: ") == 1
        return said.partition("Error: ")[2]

    return run
