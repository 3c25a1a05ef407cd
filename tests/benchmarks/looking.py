"""Whether looking at a library costs more as it grows: a page, one thing, the numbers, an export.

On libraries of 10,000 and 1,000,000 passages, in turns.
"""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks.clock import Moment, Spread
from tests.benchmarks.report import Result
from tests.support import large_library
from tests.support.large_library import artist_name
from wkmp_orm import Library, browse
from wkmp_orm.cli import commands

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.benchmarks.place import Place

    Look = Callable[[Library, Any], object]

TITLE: Final = "Moon of the Blue 0000000"

COLUMNS: Final = {
    "what": "what",
    "small": "ms, small",
    "large": "ms, large",
    "ratio": "times as much",
    "most": "at most",
}


def _a_middle_page(name: str) -> Look:
    """Return what asks for the page behind an entry that the list begins with."""

    def look(_: Library, session: Any) -> None:
        ask = getattr(browse, name)
        ask(session, after=ask(session, limit=1).after)

    return look


def _show(what: str) -> Look:
    def look(_: Library, session: Any) -> None:
        for entry in browse.find(session, what)[:1]:
            browse.details(session, entry)

    return look


PAGES: Final[dict[str, Look]] = {
    **{f"ls {name}": _a_middle_page(name) for name in ("songs", "artists", "albums", "files")},
    "ls passages": _a_middle_page("passages"),
    "ls title:moon": lambda _, session: browse.songs(session, "title:moon"),
    "ls artist:NAME": lambda _, session: browse.songs(session, [f"artist:{artist_name(8)}"]),
    "duplicates": lambda _, session: browse.duplicates(session),
    "failures": lambda _, session: browse.failures(session),
    "show SONG": _show(TITLE),
    "show ARTIST": _show(artist_name(8)),
    "show FILE": _show(f"{artist_name(8)}/000008.flac"),
}
WHOLE: Final = ("stats", "export songs", "export files", "ls WORD")


def measure(place: Place) -> Result:
    """Measure looking at both libraries, on SQLite."""
    sizes = (place.some(10_000, quick=1_000), place.some(1_000_000, quick=4_000))
    result = Result(
        "looking",
        f"looking at {sizes[0]:,} and {sizes[1]:,} passages, processor time, SQLite",
        COLUMNS,
        note="`status` is the whole command, with what Python's start costs left out",
    )
    with place.folder() as folder:
        paths = [_filled(place, folder / f"{size}.db", size) for size in sizes]
        for what, look in _looks(folder).items():
            took: dict[Path, list[float]] = {path: [] for path in paths}
            for _ in range(1 if what in WHOLE else 3 * place.rounds):
                for path in paths:
                    took[path].append(_timed(path, look))
            small, large = (Spread.of(took[path]).median for path in paths)
            most = sizes[1] / sizes[0] if what in WHOLE else 3.0
            result.add(what=what, small=small, large=large, ratio=large / small, most=most)
    return result


def _filled(place: Place, path: Path, passages: int) -> Path:
    place.copy_template(path)
    with Library.open(path) as library:
        large_library.fill(library._writer.engine, passages)
    return path


def _looks(folder: Path) -> dict[str, Look]:
    return {
        "status": _command("status"),
        **PAGES,
        "ls WORD": lambda _, session: browse.songs(session, "nowhere"),
        "stats": lambda _, session: browse.statistics(session),
        "export songs": _command("export", "--output", str(folder / "songs.csv")),
        "export files": _command("export", "files", "--output", str(folder / "files.m3u8")),
    }


def _command(*arguments: str) -> Look:
    def look(library: Library, _: Any) -> None:
        database = ("--database", str(library.target))
        commands.main([*arguments, *database], prog_name="wkmp-orm", standalone_mode=False)

    return look


def _timed(path: Path, look: Look) -> float:
    with Library.open(path, read_only=True) as library, library.reader() as session:
        session.connection().exec_driver_sql("SELECT 1")
        gc.collect()
        with _Silence():
            began = Moment.now()
            look(library, session)
            return Moment.now().since(began).processor * 1000


class _Silence:
    """Send what commands print to nobody."""

    def __enter__(self) -> None:
        self._kept = os.dup(1), os.dup(2)
        nobody = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nobody, 1)
        os.dup2(nobody, 2)
        os.close(nobody)

    def __exit__(self, *_: object) -> None:
        for number, kept in enumerate(self._kept, 1):
            os.dup2(kept, number)
            os.close(kept)
