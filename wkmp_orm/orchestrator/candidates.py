"""Tells which of the files that a scan finds may be known ones that lie elsewhere now.

They alone have to wait for the end of the scan, and in memory. All others are what they seem to be,
however many they are. Must not know which row a file belongs to.
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
    """What may have moved in a library, as it is when the first file that is not settled is found.

    What moves later is found by the next import. One thread.
    """

    def __init__(self, library: Library, stop: threading.Event) -> None:
        """Look whether there is anything that can have moved; `stop` ends a longer look."""
        self._library = library
        self._stop = stop
        self.are_impossible = is_empty(library)
        self._sizes: set[int | None] | None = None

    def may_be(self, file: LooseFile) -> bool:
        """Say whether a file that is new, changed or unfinished may be that of another row.

        It has the size of a row whose file is not in its place as it was, or it is such a file, or
        only its name may have been spelled in another way.
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
        """Say whether the file system finds a file under another case or normalisation as well."""
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
