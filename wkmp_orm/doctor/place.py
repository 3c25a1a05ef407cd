"""Examines the surroundings of an SQLite database: file system, space, log, locks, leftovers."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wkmp_orm.core.engine import open_files
from wkmp_orm.core.engine.checkpoint import CHECKPOINT_AT, MEBIBYTE, WARN_AT
from wkmp_orm.core.engine.lock_file import LockFile
from wkmp_orm.core.engine.other_processes import others_with, writers_of
from wkmp_orm.core.engine.place import is_mounted_read_only, may
from wkmp_orm.core.remedies import END_THE_HOLDER, LOCAL_DISK, REPAIR_DISK, Remedy, the_same
from wkmp_orm.doctor.findings import MOST_EVIDENCE, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wkmp_orm.core.errors import LockHolder
    from wkmp_orm.doctor.findings import Finding

LEAST_ROOM: Final = 256 * MEBIBYTE
"""A log that cannot be copied back reaches 128 MiB before it causes a warning, and an upgrade needs
room for a copy of the database as well."""

LONG_HOLD_S: Final = 10.0
"""One write turn takes milliseconds; the longest beside twenty busy programs took 2 s."""
_GLANCES: Final = 5
_BETWEEN_GLANCES_S: Final = 0.2

# SQLite's log needs memory that all users share, which is impossible between two machines.
_OF_A_NETWORK: Final = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre"),
        *("ncpfs", "vboxsf", "virtiofs", "fuse.sshfs", "fuse.rclone", "fuse.s3fs"),
        *("fuse.glusterfs", "fuse.vmhgfs-fuse"),
    }
)
_IN_MEMORY: Final = frozenset({"tmpfs", "ramfs"})
_HOUR_S: Final = 3_600

MAKE_ROOM: Final = the_same("make room on the disk, or move the database to another one")
MOUNT_WRITABLE: Final = the_same("mount it writable to import; reading works as it is")
GIVE_FOLDER: Final = the_same("give this user write permission for the folder")
END_READERS: Final = the_same(
    "end the program that has been reading for a long time; these have the file open"
)
MOVE: Final = the_same("move it to a disk, or it is lost when the machine restarts")
REMOVE: Final = Remedy(
    "delete it, or call the finding's fix", "delete it:", ("wkmp-orm", "doctor", "--fix")
)


def place_findings(path: Path) -> Iterator[Finding]:
    """Examine the surroundings of an SQLite file at a real path, and who uses it."""
    yield from _file_system(path)
    yield from _room(path.parent)
    yield from _log(path)
    yield from _holders(path)
    yield from _left_behind(path)


def _file_system(path: Path) -> Iterator[Finding]:
    kind = _kind_of_file_system(path.parent)
    if kind in _OF_A_NETWORK:
        what = f"{path} is on a network drive or in a folder of another machine ({kind})"
        yield warning("file system", f"{what}: SQLite loses rows there", LOCAL_DISK)
    if kind in _IN_MEMORY:
        yield warning("file system", f"{path} is in memory ({kind})", MOVE)
    if is_mounted_read_only(path.parent):
        what = f"{path.parent} is mounted read-only"
        yield warning("file system", what, MOUNT_WRITABLE)
    elif not may(path.parent, os.W_OK):
        what = f"this user cannot write to {path.parent}, where SQLite keeps its log"
        yield warning("file system", what, GIVE_FOLDER)


def _kind_of_file_system(folder: Path) -> str:
    """Return the type of the file system of a folder; "" if it is unknown."""
    kind, longest = "", -1
    try:
        lines = open_files.MOUNTS.read_bytes().splitlines()
    except OSError:
        return ""
    real = os.fsencode(os.path.realpath(folder))
    for line in lines:
        point = open_files.mount_point(line)
        is_below = real == point or real.startswith(point.rstrip(b"/") + b"/")
        fields = line.partition(b" - ")[2].split(b" ")
        if is_below and len(point) >= longest and fields:  # the last mount at a place hides others
            kind, longest = fields[0].decode(errors="replace"), len(point)
    return kind


def _room(folder: Path) -> Iterator[Finding]:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        what = f"the free space of {folder} is unknown: {error.strerror}"
        yield warning("room", what, REPAIR_DISK)
        return
    if free < LEAST_ROOM:
        what = f"the disk of {folder} has only {free // MEBIBYTE:,} MiB left"
        yield warning("room", what, MAKE_ROOM)


def _log(path: Path) -> Iterator[Finding]:
    log = path.with_name(f"{path.name}-wal")
    try:
        size = log.stat().st_size
    except OSError:
        return
    if size >= WARN_AT * CHECKPOINT_AT:
        who = tuple(others_with(path)[:MOST_EVIDENCE])
        what = f"{log} has grown to {size // MEBIBYTE:,} MiB: a reader keeps it from shrinking"
        yield warning("log size", what, END_READERS, evidence=who)


def _holders(path: Path) -> Iterator[Finding]:
    turn = LockFile(f"{path}-ticket").holder()
    if turn is not None and time.time() - turn.since.timestamp() > LONG_HOLD_S:
        what = f"one writer has held the turn to write for more than {LONG_HOLD_S:.0f} s: {turn}"
        yield warning("locks", what, END_THE_HOLDER, evidence=_named(turn))
    writers = _who_goes_on_writing(path)
    if writers and turn is None:
        what = "a program that does not wait for its turn holds SQLite's write lock"
        yield warning("locks", what, END_THE_HOLDER, evidence=tuple(writers))


def _named(holder: LockHolder) -> tuple[str, ...]:
    return (str(holder),)


def _who_goes_on_writing(path: Path) -> list[str]:
    """Return the programs that hold the write lock at every look within a second."""
    index = path.with_name(f"{path.name}-shm")
    writers = writers_of(index)
    for _ in range(_GLANCES):
        if not writers:
            break
        time.sleep(_BETWEEN_GLANCES_S)
        writers = [each for each in writers_of(index) if each in writers]
    return writers


def _left_behind(path: Path) -> Iterator[Finding]:
    """Find files that killed backups and adoptions left at least an hour ago."""
    for each in _unfinished(path):
        what = f"{each} is left over from a backup or an adoption that was killed"
        yield warning("leftovers", what, REMOVE, fix=_Removal(each))


def _unfinished(path: Path) -> Iterator[Path]:
    try:
        names = sorted(path.parent.iterdir())
    except OSError:
        return
    for each in names:
        is_one = (each.name.startswith(path.name) and ".unfinished" in each.suffixes[-1:]) or (
            each.name.startswith(".adoption-")
        )
        try:
            is_old = time.time() - each.lstat().st_mtime > _HOUR_S
        except OSError:
            continue
        if is_one and is_old and not each.is_symlink():
            yield each


class _Removal:
    """Deletes leftover files."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self) -> str:
        if self._path.is_dir():
            shutil.rmtree(self._path)
        else:
            self._path.unlink(missing_ok=True)
        return f"deleted {self._path}"
