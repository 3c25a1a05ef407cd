"""Decides which scanned files may be known files that were moved.

Only these candidates wait in memory for the end of the scan. All other files are processed at once,
so their number does not matter.
"""

from __future__ import annotations

import os
import unicodedata
from typing import TYPE_CHECKING

from wkmp_orm.errors import ConfigurationError
from wkmp_orm.orchestrator.presence import Presence
from wkmp_orm.paths import file_path
from wkmp_orm.phases import is_empty, stored_files

if TYPE_CHECKING:
    import threading

    from wkmp_orm.library import Library
    from wkmp_orm.phases import LooseFile


class MoveCandidates:
    """Decides which files may have moved, given the rows as of the first unsettled file.

    The next import finds what moves later. Use it in one thread.
    """

    def __init__(self, library: Library, stop: threading.Event) -> None:
        """Check whether anything can have moved; setting `stop` ends a long check."""
        self._library = library
        self._stop = stop
        self.are_impossible = is_empty(library)
        self._sizes: set[int | None] | None = None

    def may_be(self, file: LooseFile) -> bool:
        """Return whether a new, changed or unfinished file may belong to another row.

        True for a changed file, for one with the size of a row whose file is missing or changed,
        and if only the spelling of the file's name may have changed.
        """
        if file.is_changed:
            return True
        if self._sizes is None:
            self._sizes = self._sizes_of_homeless()
        if None in self._sizes or file.found.size_bytes in self._sizes:
            return True
        return file.row is None and self._has_two_spellings(file.found.path)

    def _sizes_of_homeless(self) -> set[int | None]:
        presence = Presence(self._library.root)
        sizes: set[int | None] = set()
        for row in stored_files(self._library):
            if self._stop.is_set():
                break
            if (row.has_hash or row.is_unfinished) and not presence.has(row):
                sizes.add(row.size_bytes)
        return sizes

    def _has_two_spellings(self, stored: str) -> bool:
        """Return whether the file system also finds a file under another case or normalisation."""
        folder, slash, name = stored.rpartition("/")
        spellings = {f"{folder}{slash}{name.swapcase()}"}
        if not stored.isascii():
            spellings |= {unicodedata.normalize(form, stored) for form in ("NFC", "NFD")}
        return any(self._exists(each) for each in spellings - {stored})

    def _exists(self, stored: str) -> bool:
        try:
            return os.path.lexists(file_path(stored, self._library.root))
        except ConfigurationError:
            return False
