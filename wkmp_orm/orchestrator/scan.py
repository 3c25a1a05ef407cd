"""Finds the sound files under a folder, in an order that is the same every time.

Knows no audio format beyond the names of its files, and no database.

- A file is reported once however many symbolic links lead to it, under its own name if that lies
  in the folder and under the first link's name if not. For that the links are looked at last.
- A hard link is a file of its own: none of the names is the real one, and hashing finds it equal,
  as it finds a copy.
- A link to a folder is followed, but a folder is visited once, and the folders above the scanned
  one count as visited: loops end, and a link to `/` does not bring the whole disk in.
- What vanishes between being listed and being looked at is as if it had gone before.
"""

from __future__ import annotations

import os
import stat
from array import array
from bisect import bisect_left
from collections import defaultdict, deque
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from wkmp_orm.core.engine.place import why_not_read
from wkmp_orm.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet
    from pathlib import Path

DEFAULT_EXTENSIONS: Final = frozenset(
    {
        # What the Rust service scanned.
        *(".mp3", ".flac", ".ogg", ".m4a", ".wav", ".opus", ".aac"),
        # The other formats whose tags can be read. Not .mp4 and .asf, which are video as a rule,
        # nor .m4b, which are audio books.
        *(".aif", ".aiff", ".ape", ".dsf", ".mpc", ".oga", ".wma", ".wv"),
    }
)
"""The file name extensions that are scanned unless others are named, lower case with the dot."""

_SET_ASIDE: Final = frozenset(
    {
        # Recycle bins: of Synology, of QNAP, of Windows, of macOS on a server.
        *("#recycle", "@recycle", "$recycle.bin", "network trash folder"),
        # What a NAS keeps beside the files: previews, snapshots of all that there is, its own data.
        *("@eadir", "#snapshot", "@recently-snapshot", "@tmp"),
        # What file systems keep, which nobody but the system may read.
        *("lost+found", "system volume information"),
    }
)
"""Names of folders in which nobody keeps music, in any case. Those that begin with a dot (.Trashes,
.Trash-1000, .snapshot, .recycle, .@__thumb) are hidden anyway."""
_SET_ASIDE_BY_OLD_WINDOWS: Final = frozenset({"RECYCLER", "RECYCLED"})
"""Up to XP, and on its disks to this day. As it spelled them: there is a band called Recycler."""

_64_BITS: Final = 2**64 - 1
"""Some file systems of Windows number their files with 128."""
_NONE: Final = array("Q")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """A file that should hold sound: where it lies, its size, when it was modified (UTC)."""

    path: Path
    size_bytes: int
    modification_time: datetime


@dataclass(frozen=True, slots=True)
class ScanProblem:
    """A place that could not be looked into, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A sound file or a folder that was not looked at because of its name."""

    path: Path


Scanned: TypeAlias = ScannedFile | ScanProblem | LeftOut


def scan_folder(
    root: Path,
    *,
    extensions: AbstractSet[str] = DEFAULT_EXTENSIONS,
    skip_hidden: bool = True,
) -> Iterator[Scanned]:
    """Walk a folder and yield its sound files, and the places where it did not or could not look.

    `extensions` are compared without regard to case, with or without the dot; `skip_hidden` leaves
    out what `is_hidden` says and, of folders, `is_set_aside`. Paths begin with `root` as it is
    spelled here, whatever its own name; bytes in a name that are not UTF-8 are the surrogates of
    `os.fsdecode`. Sorted by name, the files of a folder before its subfolders, links last.

    Raises ConfigurationError at once, before anything is yielded, when `root` is missing, is not a
    directory or cannot be listed. Any thread may call it and advance the iterator.
    """
    try:
        with os.scandir(root):
            pass
    except OSError as error:
        raise ConfigurationError(why_not_read(root, error)) from error
    suffixes = frozenset(f".{extension.removeprefix('.').lower()}" for extension in extensions)
    return _Walk(suffixes, skip_hidden=skip_hidden).over(root)


def is_hidden(name: str) -> bool:
    """Say whether a name was given to hide a file or folder: it begins with one dot.

    Nobody hides by several ("...And Justice for All"), nor in front of a number (".38 Special").
    """
    return name.startswith(".") and not name.startswith("..") and not name[1:2].isdigit()


def is_set_aside(name: str) -> bool:
    """Say whether a folder of this name holds what was deleted, or copies that a system keeps."""
    return name.casefold() in _SET_ASIDE or name in _SET_ASIDE_BY_OLD_WINDOWS


def modification_time(mtime_ns: int) -> datetime:
    """Return a file's `st_mtime_ns` as a UTC time, cut to whole microseconds.

    Integer arithmetic: a float holds today's nanoseconds only to the nearest 256. A time beyond
    the year 9999, which a damaged file system can show, becomes 1970-01-01.
    """
    try:
        return _EPOCH + timedelta(microseconds=mtime_ns // 1000)
    except OverflowError:
        return _EPOCH


class _SeenFiles:
    """Which files were seen, in 8 bytes each: a set of pairs took 140, and may hold ten million."""

    def __init__(self) -> None:
        self._by_device: defaultdict[int, array[int]] = defaultdict(lambda: array("Q"))
        self._later: set[tuple[int, int]] | None = None

    def add(self, status: os.stat_result) -> None:
        """Remember a file."""
        if self._later is None:
            self._by_device[status.st_dev].append(status.st_ino & _64_BITS)
        else:
            self._later.add((status.st_dev, status.st_ino & _64_BITS))

    def __contains__(self, status: os.stat_result) -> bool:
        if self._later is None:
            # The first link is looked at when all files outside of linked folders have been seen.
            self._later = set()
            for numbers in self._by_device.values():
                np.frombuffer(numbers, np.uint64).sort()
        device, number = status.st_dev, status.st_ino & _64_BITS
        those = self._by_device.get(device, _NONE)
        place = bisect_left(those, number)
        return (device, number) in self._later or (place < len(those) and those[place] == number)


class _Walk:
    """One walk: what it looks for, what it has seen, and the links that wait for their turn."""

    def __init__(self, suffixes: frozenset[str], *, skip_hidden: bool) -> None:
        self._suffixes = suffixes
        self._skip_hidden = skip_hidden
        self._files = _SeenFiles()
        self._seen: set[tuple[int, int]] = set()
        self._links: deque[Path] = deque()

    def over(self, root: Path) -> Iterator[Scanned]:
        for above in root.resolve().parents:
            with suppress(OSError):
                self._is_new(above.stat())
        yield from self._tree(root)
        while self._links:
            yield from self._link(self._links.popleft())

    def _tree(self, top: Path) -> Iterator[Scanned]:
        pending = [top]
        while pending:
            folder = pending.pop()
            try:
                if not self._is_new(folder.stat()):
                    continue
                with os.scandir(folder) as listing:
                    entries = sorted(listing, key=lambda entry: entry.name)
            except FileNotFoundError:
                continue
            except OSError as error:
                yield ScanProblem(folder, f"folder cannot be read: {_reason(error)}")
                continue
            subfolders: list[Path] = []
            for entry in entries:
                yield from self._entry(entry, folder / entry.name, subfolders)
            pending.extend(reversed(subfolders))

    def _entry(
        self, entry: os.DirEntry[str], path: Path, subfolders: list[Path]
    ) -> Iterator[Scanned]:
        try:
            if self._skip_hidden and self._is_left_out(entry):
                if self._is_wanted(path) or entry.is_dir():
                    yield LeftOut(path)
            elif entry.is_symlink():
                self._links.append(path)
            elif entry.is_dir(follow_symlinks=False):
                subfolders.append(path)
            elif self._is_wanted(path):
                # Not entry.stat(), whose device and inode numbers are zero on Windows.
                status = path.stat()
                self._files.add(status)
                yield _report(path, status)
        except FileNotFoundError:
            return
        except OSError as error:
            yield ScanProblem(path, f"cannot be looked at: {_reason(error)}")

    def _is_left_out(self, entry: os.DirEntry[str]) -> bool:
        return is_hidden(entry.name) or (is_set_aside(entry.name) and entry.is_dir())

    def _link(self, path: Path) -> Iterator[Scanned]:
        try:
            status = path.stat()
        except FileNotFoundError:
            if path.is_symlink():
                yield ScanProblem(path, "symbolic link to something that does not exist")
            return
        except OSError as error:
            yield ScanProblem(path, f"symbolic link cannot be followed: {_reason(error)}")
            return
        if stat.S_ISDIR(status.st_mode):
            yield from self._tree(path)
        elif self._is_wanted(path) and status not in self._files and self._is_new(status):
            yield _report(path, status)

    def _is_wanted(self, path: Path) -> bool:
        return path.suffix.lower() in self._suffixes

    def _is_new(self, status: os.stat_result) -> bool:
        identity = (status.st_dev, status.st_ino)
        if identity in self._seen:
            return False
        self._seen.add(identity)
        return True


def _report(path: Path, status: os.stat_result) -> ScannedFile | ScanProblem:
    if not stat.S_ISREG(status.st_mode):
        return ScanProblem(path, "not a file but a device, a pipe or a socket")
    return ScannedFile(path, status.st_size, modification_time(status.st_mtime_ns))


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
