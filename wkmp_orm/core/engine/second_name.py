"""Whether an SQLite file has another name under which it would have another write-ahead log.

Knows the operating system's ways to give a file a name; nothing of who has it open.

A symbolic link is no second name: it is resolved before. A hard link is one, and so is a file that
is mounted by itself, as `docker run -v wkmp.db:/wkmp.db` does: each side keeps its own log beside
its own name, and neither sees what the other has committed.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from wkmp_orm.core.errors import ConfigurationError

MOUNTS: Final = Path("/proc/self/mountinfo")
_ESCAPED: Final = re.compile(rb"\\([0-7]{3})")


def refuse_second_name(path: Path) -> None:
    """Raise ConfigurationError if the file at a real path has another name. Any thread.

    What cannot be looked at is not refused: opening it will say why.
    """
    try:
        links = path.stat().st_nlink
    except OSError:
        return
    if links > 1:
        msg = (
            f"{path} has {links} names (hard links); under each of them SQLite would keep another"
            " write-ahead log, and committed rows would be lost. Keep one name and delete the"
            f" others (find / -xdev -samefile {path}), or use a symbolic link or a copy"
        )
        raise ConfigurationError(msg)
    if _is_mounted_alone(path):
        msg = (
            f"{path} is mounted by itself; its write-ahead log would stay on this side of the"
            " mount, and committed rows would be lost. Mount the folder that it lies in instead"
        )
        raise ConfigurationError(msg)


def _is_mounted_alone(path: Path) -> bool:
    """Say whether the file itself is a place where something is mounted.

    Not by its device: a file that is mounted from the same disk has that of its folder, and in an
    overlay a file may have another one although nothing is mounted.
    """
    try:
        mounts = MOUNTS.read_bytes()
    except OSError:  # no Linux: there a single file cannot be mounted
        return False
    name = os.fsencode(path)
    return any(_mount_point(line) == name for line in mounts.splitlines())


def _mount_point(line: bytes) -> bytes:
    # The fifth field, in which a space and its like are spelled \040: see proc(5).
    fields = line.split(b" ", 5)
    spelled = fields[4] if len(fields) > 4 else b""
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 8)]), spelled)
