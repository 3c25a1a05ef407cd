"""Finds the sound files under a folder, always in the same order.

- A file is reported once, however many symbolic links lead to it. It gets its own name if it lies
  in the folder, otherwise the first link's name. Therefore links are visited last.
- A hard link counts as a separate file, because none of its names is the real one. Hashing finds
  that the files are equal, as it does for a copy.
- A link to a folder is followed, but each folder is visited once, and the folders above the scanned
  one count as visited. So loops end, and a link to `/` does not include the whole disk.
- A file that vanishes between being listed and being examined is ignored.
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
        # The formats that the Rust service scanned.
        *(".mp3", ".flac", ".ogg", ".m4a", ".wav", ".opus", ".aac"),
        # Other formats with readable tags. Not .mp4 and .asf, which are usually video, nor .m4b,
        # which are audio books.
        *(".aif", ".aiff", ".ape", ".dsf", ".mpc", ".oga", ".wma", ".wv"),
    }
)
"""The file name extensions that are scanned by default, in lower case with the dot."""

_SET_ASIDE: Final = frozenset(
    {
        # Recycle bins: of Synology, QNAP, Windows, and macOS on a server.
        *("#recycle", "@recycle", "$recycle.bin", "network trash folder"),
        # A NAS's own folders beside the files: previews, snapshots of everything, its data.
        *("@eadir", "#snapshot", "@recently-snapshot", "@tmp"),
        # Folders of the file system, which only the system may read.
        *("lost+found", "system volume information"),
    }
)
"""Names of folders that hold no music of the user, compared without case. Names that begin with a
dot (.Trashes, .Trash-1000, .snapshot, .recycle, .@__thumb) are hidden anyway."""
_SET_ASIDE_BY_OLD_WINDOWS: Final = frozenset({"RECYCLER", "RECYCLED"})
"""The names up to Windows XP, still found on its disks. Case matters: there is a band called
Recycler."""

_64_BITS: Final = 2**64 - 1
"""Some file systems of Windows number their files with 128 bits."""
_NONE: Final = array("Q")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """A file with a sound file's extension: its path, size and modification time (UTC)."""

    path: Path
    size_bytes: int
    modification_time: datetime


@dataclass(frozen=True, slots=True)
class ScanProblem:
    """A place that could not be examined, and the reason."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A sound file or a folder that was skipped because of its name."""

    path: Path


Scanned: TypeAlias = ScannedFile | ScanProblem | LeftOut


def scan_folder(
    root: Path,
    *,
    extensions: AbstractSet[str] = DEFAULT_EXTENSIONS,
    skip_hidden: bool = True,
) -> Iterator[Scanned]:
    """Walk a folder and yield its sound files, and the places that it could not read or skipped.

    `extensions` are compared without case, with or without the dot. `skip_hidden` skips names for
    which `is_hidden` is true, and folders for which `is_set_aside` is. Paths begin with `root` as
    it is spelled here, even if it is a link. Bytes in a name that are not UTF-8 become the
    surrogates of `os.fsdecode`. The order is by name, a folder's files before its subfolders, links
    last.

    Raises ConfigurationError immediately, before anything is yielded, if `root` is missing, is not
    a directory or cannot be listed. Any thread may call it and advance the iterator.
    """
    try:
        with os.scandir(root):
            pass
    except OSError as error:
        raise ConfigurationError(why_not_read(root, error)) from error
    suffixes = frozenset(f".{extension.removeprefix('.').lower()}" for extension in extensions)
    return _Walk(suffixes, skip_hidden=skip_hidden).over(root)


def is_hidden(name: str) -> bool:
    """Return whether a name hides a file or folder: it begins with exactly one dot.

    Names with several dots ("...And Justice for All") or a dot before a digit (".38 Special") are
    not hidden.
    """
    return name.startswith(".") and not name.startswith("..") and not name[1:2].isdigit()


def is_set_aside(name: str) -> bool:
    """Return whether a folder of this name holds deleted files or the system's own copies."""
    return name.casefold() in _SET_ASIDE or name in _SET_ASIDE_BY_OLD_WINDOWS


def modification_time(mtime_ns: int) -> datetime:
    """Return a file's `st_mtime_ns` as a UTC time, rounded down to microseconds.

    It uses integers, because a float holds today's nanoseconds only to the nearest 256. A time
    beyond the year 9999, possible on a damaged file system, becomes 1970-01-01.
    """
    try:
        return _EPOCH + timedelta(microseconds=mtime_ns // 1000)
    except OverflowError:
        return _EPOCH


class _SeenFiles:
    """The files seen, in 8 bytes each: a set of pairs took 140, and there may be ten million."""

    def __init__(self) -> None:
        self._by_device: defaultdict[int, array[int]] = defaultdict(lambda: array("Q"))
        self._later: set[tuple[int, int]] | None = None

    def add(self, status: os.stat_result) -> None:
        """Add a file."""
        if self._later is None:
            self._by_device[status.st_dev].append(status.st_ino & _64_BITS)
        else:
            self._later.add((status.st_dev, status.st_ino & _64_BITS))

    def __contains__(self, status: os.stat_result) -> bool:
        if self._later is None:
            # When the first link is examined, all files outside linked folders have been seen.
            self._later = set()
            for numbers in self._by_device.values():
                np.frombuffer(numbers, np.uint64).sort()
        device, number = status.st_dev, status.st_ino & _64_BITS
        those = self._by_device.get(device, _NONE)
        place = bisect_left(those, number)
        return (device, number) in self._later or (place < len(those) and those[place] == number)


class _Walk:
    """One walk: its filters, what it has seen, and the links that it visits last."""

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
                # Not entry.stat(), which returns zero for device and inode on Windows.
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
