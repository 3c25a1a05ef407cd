"""How many instructions a file takes, counted by valgrind's callgrind: the same in every run.

Only what is asked for is counted: until then valgrind runs the program, 4 times as slow as usual,
and counts nothing. It knows nothing of the kernel's part and of caches.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

WARM: Final = 25
"""Files that are recorded before: by then the artists are known, and statements compiled."""

LAST_WARM: Final = 3
"""How many of these are counted and forgotten: valgrind translates the code anew for counting."""

COUNTED: Final = 15

FILES: Final = WARM + COUNTED + 1
"""All files: the last one is recorded to let the count of those before be written."""


class Instructions(NamedTuple):
    """Thousands of instructions of one file."""

    every: float
    of_sqlite: float
    """Those of SQLite's own library: no Python, no driver."""


def under_callgrind(folder: Path) -> tuple[str, ...]:
    """Return what starts a program under callgrind; empty where valgrind is not installed.

    It writes its counts into the folder, when `counted` tells it to.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None or shutil.which("callgrind_control") is None:
        return ()
    return (
        valgrind,
        "--tool=callgrind",
        "--instr-atstart=no",
        f"--callgrind-out-file={folder / 'counts'}",
        f"--log-file={folder / 'valgrind.log'}",
    )


def counted(
    folder: Path, pid: int, ways: Iterable[str], record: Callable[[str, int, int], object]
) -> dict[str, Instructions]:
    """Let a process under callgrind record in each way, and return what a file took.

    `record` lets it record files in one way, from one of them to another.
    """
    ways = list(ways)
    for way in ways:
        record(way, 0, WARM - LAST_WARM)
    _control(pid, "--instr=on")
    for way in ways:
        record(way, WARM - LAST_WARM, WARM)
        _control(pid, "--dump=before")
        record(way, WARM, WARM + COUNTED)
        _control(pid, f"--dump={ways.index(way)}")
    record(ways[-1], WARM + COUNTED, FILES)
    found = dict(_counts(folder))
    return {way: found[str(number)] for number, way in enumerate(ways)}


def _control(pid: int, order: str) -> None:
    subprocess.run(["callgrind_control", order, str(pid)], check=True, capture_output=True)


def _counts(folder: Path) -> Iterator[tuple[str, Instructions]]:
    """Give what was counted between each dump and the one before, with the dump's name."""
    for path in folder.glob("counts.*"):
        text = path.read_text()
        name = re.search(r"^desc: Trigger: dump (\S+)", text, re.MULTILINE)
        if name:
            every, of_sqlite = _sums(text.splitlines())
            yield name[1], Instructions(every / COUNTED / 1000, of_sqlite / COUNTED / 1000)


def _sums(lines: Iterable[str]) -> tuple[int, int]:
    """Add up what functions took by themselves: in all libraries, and in SQLite's."""
    names: dict[str, str] = {}
    library, every, of_sqlite, is_of_called = "", 0, 0, False
    for line in lines:
        if named := re.match(r"(c?ob)=\((\d+)\)(?: (.*))?", line):
            kind, number, name = named.groups()
            names.setdefault(number, name or "")
            library = names[number] if kind == "ob" else library
        elif line.startswith("calls="):
            is_of_called = True  # what the next line says is counted where it was spent
        elif spent := re.match(r"[+*\d-]\S* (\d+)$", line):
            if not is_of_called:
                every += int(spent[1])
                of_sqlite += int(spent[1]) if "sqlite3.so" in library else 0
            is_of_called = False
    return every, of_sqlite
