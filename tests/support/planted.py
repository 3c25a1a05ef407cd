"""What a stranger may put where a program expects a file of its own, and whether it was touched.

Knows kinds of files; must not know which program is tested.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VICTIM: Final = "# precious settings of the user\n" * 20


def _link(place: Path, victims: Path) -> None:
    place.symlink_to(_victim(victims))


def _dangling_link(place: Path, victims: Path) -> None:
    place.symlink_to(victims / "not-there")


def _hard_link(place: Path, victims: Path) -> None:
    place.hardlink_to(_victim(victims))


def _pipe(place: Path, _victims: Path) -> None:
    os.mkfifo(place)


def _socket(place: Path, _victims: Path) -> None:
    os.mknod(place, stat.S_IFSOCK | 0o666)


def _folder(place: Path, _victims: Path) -> None:
    place.mkdir()


KINDS: Final[Mapping[str, Callable[[Path, Path], None]]] = {
    "a link": _link,
    "a dangling link": _dangling_link,
    "a hard link": _hard_link,
    "a pipe": _pipe,
    "a socket": _socket,
    "a folder": _folder,
}


def plant(kind: str, place: Path, victims: Path) -> None:
    """Put something into a place; what links lead to is made in the folder `victims`."""
    victims.mkdir(exist_ok=True)
    KINDS[kind](place, victims)


def state_of(*folders: Path) -> dict[str, tuple[object, ...]]:
    """Return all that a program could have changed of what lies in folders, by path."""
    return {
        str(path): _state(path)
        for folder in folders
        for path in sorted([folder, *folder.rglob("*")])
        if path != folder
    }


def _victim(victims: Path) -> Path:
    victim = victims / f"victim-{len([*victims.iterdir()])}"
    victim.write_text(VICTIM)
    victim.chmod(0o640)
    return victim


def _state(path: Path) -> tuple[object, ...]:
    status = path.lstat()
    content: object = None
    if path.is_symlink():
        content = path.readlink()
    elif path.is_file():
        content = path.read_bytes()
    times = () if path.is_dir() else (status.st_size, status.st_mtime_ns)
    return (status.st_mode, status.st_ino, *times, content)
