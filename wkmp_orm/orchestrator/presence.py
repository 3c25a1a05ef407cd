"""Checks whether the files of rows exist on the disk."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from wkmp_orm.errors import ConfigurationError
from wkmp_orm.orchestrator.pairing import folded
from wkmp_orm.orchestrator.scan import modification_time
from wkmp_orm.paths import file_path

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from wkmp_orm.phases import FoundFile, StoredFile


class Presence:
    """Checks files below a library's root, and caches what it learns about their folders.

    Because of the cache, use it for one pass in one thread, and create another for the next.
    """

    def __init__(self, root: Path, *, seen: Collection[str] = ()) -> None:
        """Check files below `root`. `seen` are stored paths that a scan has just found.

        They reveal files whose names changed only in case or normalisation, on a file system that
        accepts either spelling.
        """
        self._root = root
        self._seen = frozenset(seen)
        self._seen_alike = frozenset(map(folded, self._seen))
        self._readable: dict[Path, bool] = {}
        self._names: dict[Path, frozenset[str]] = {}

    def is_gone(self, stored: str) -> bool:
        """Return whether nothing lies at a stored path, below a readable folder.

        A path that cannot be examined, or is a broken link, does not count as gone.
        """
        try:
            path = file_path(stored, self._root)
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return self._can_be_read(path.parent)
        except (OSError, ConfigurationError):
            return False
        if stored in self._seen or folded(stored) not in self._seen_alike:
            return False
        return not self._is_listed(path)

    def has(self, row: StoredFile) -> bool:
        """Return whether a row's file exists, with the same size and modification time."""
        try:
            status = file_path(row.path, self._root).stat()
        except (OSError, ConfigurationError):
            return False
        return stat.S_ISREG(status.st_mode) and (
            status.st_size,
            modification_time(status.st_mtime_ns),
        ) == (row.size_bytes, row.modification_time)

    def _can_be_read(self, folder: Path) -> bool:
        known = self._readable.get(folder)
        if known is None:
            known = self._readable[folder] = self._look_into(folder)
        return known

    def _look_into(self, folder: Path) -> bool:
        try:
            with os.scandir(folder):
                return True
        except (FileNotFoundError, NotADirectoryError):
            return folder != self._root and self._can_be_read(folder.parent)
        except OSError:
            return False

    def _is_listed(self, path: Path) -> bool:
        """Return whether the folders list all names of a path in exactly this spelling."""
        while path != self._root:
            if path.name not in self._listing(path.parent):
                return False
            path = path.parent
        return True

    def _listing(self, folder: Path) -> frozenset[str]:
        names = self._names.get(folder)
        if names is None:
            try:
                names = frozenset(os.listdir(folder))  # noqa: PTH208  only names
            except OSError:
                names = frozenset()
            self._names[folder] = names
        return names


def is_below(stored: str, places: Collection[str]) -> bool:
    """Return whether a stored path is one of these places or lies below one."""
    if not places:
        return False
    names = stored.split("/")
    return any("/".join(names[:depth]) in places for depth in range(1, len(names) + 1))


def is_as_scanned(place: Path, found: FoundFile) -> bool:
    """Return whether a file still has the size and time with which it was scanned.

    Raises OSError.
    """
    status = place.stat()
    return (status.st_size, modification_time(status.st_mtime_ns)) == (
        found.size_bytes,
        found.modification_time,
    )
