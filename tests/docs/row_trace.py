"""Follows one row through the package: which files it enters from `add` to COMMIT, in order.

A room is a folder of `wkmp_orm`, and a move is a call into another room than the call before it
went to. A generator that goes on counts as a call. Generated functions have no file and so no room.
"""

from __future__ import annotations

import ast
import sys
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import wkmp_orm
from wkmp_orm import Library, Phase

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

PACKAGE: Final = Path(wkmp_orm.__file__).parent

CALLS: Final = ("execute", "executemany", "commit")
"""The calls of the driver that matter. The last of them ends the way."""


class Way:
    """The files that were entered, call by call, until the driver was told to commit."""

    def __init__(self) -> None:
        self.files: list[Path] = []
        self.sent: list[str] = []
        """Which of `CALLS` were made, in order."""

    @property
    def rooms(self) -> list[Path]:
        """The rooms one after the other, each as often as it was entered."""
        return [room for room, _ in groupby(file.parent for file in self.files)]

    @property
    def moves(self) -> int:
        """How often a call went to another room than the one before."""
        return len(self.rooms) - 1

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Follow the calls of this thread in a `with` block."""
        before = sys.getprofile()
        sys.setprofile(self._called)
        try:
            yield
        finally:
            sys.setprofile(before)

    def _called(self, frame: FrameType, event: str, called: Any) -> None:
        if "commit" in self.sent:
            return
        if event == "call":
            file = Path(frame.f_code.co_filename)
            if file.is_relative_to(PACKAGE):
                self.files.append(file.relative_to(PACKAGE))
            elif "psycopg" in file.parts:
                self._sends(frame.f_code.co_name)
        elif event == "c_call" and "sqlite3" in type(called.__self__).__mro__[-2].__module__:
            self._sends(called.__name__)

    def _sends(self, name: str) -> None:
        if name in CALLS:
            self.sent.append(name)


def way_of_a_row(library: Library) -> Way:
    """Add one passage and commit it, as an import does all the time, and follow it.

    It is the second one: with the first the statements are compiled.
    """
    way = Way()
    for number, follow in enumerate((Way(), way)):
        with library.unit_of_work(Phase.SCANNING) as work:
            file = work.files.add(path=f"{number}.flac", modification_time=datetime.now(UTC))
        guid = file.guid
        work = library.unit_of_work(Phase.SEGMENTATION)
        with follow.followed():
            work.passages.add(file_id=guid, start_time_ticks=0, end_time_ticks=1_000)
            work.commit()
    return way


def files_on_the_way() -> str:
    """List the rooms in the order in which a row enters them, with the files new in each."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Library.open(Path(folder, "wkmp.db"), bulk="driver") as library,
    ):
        way = way_of_a_row(library)
    told: set[Path] = set()
    lines = []
    for number, (room, files) in enumerate(groupby(way.files, lambda file: file.parent), 1):
        entered = dict.fromkeys(files)
        new = [file for file in entered if file not in told]
        again = ", ".join(f"`{file.name}`" for file in entered if file in told)
        lines.append(f"{number}. **{room}**" + (f" (again {again})" if again else ""))
        lines += [
            f"    - [{file.name}](../wkmp_orm/{file}): {_first_sentence(file)}" for file in new
        ]
        told.update(new)
    return "\n".join(lines) + "\n"


def _first_sentence(file: Path) -> str:
    text = ast.get_docstring(ast.parse((PACKAGE / file).read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split())
