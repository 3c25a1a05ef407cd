"""Chooses the copy that replaces an original whose file is no longer at its place.

Passages and edits belong to the original's row, so this row takes the copy's place, and the copy's
row goes.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from wkmp_orm.models import FileStatus
from wkmp_orm.orchestrator.pairing import paired
from wkmp_orm.orchestrator.presence import Presence
from wkmp_orm.phases import FoundFile, copies_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from wkmp_orm.library import Library
    from wkmp_orm.phases import StoredFile

CHUNK: Final = 500


def copies_for(
    library: Library, rows: Iterable[StoredFile], *, but: Container[str] = ()
) -> Iterator[tuple[StoredFile, StoredFile]]:
    """Yield originals among `rows`, each with the most similar copy that still exists.

    Copies at the paths in `but` are not used.
    """
    originals = {
        row.hash: row
        for row in rows
        if row.has_hash and row.status is not FileStatus.DUPLICATE_HASH
    }
    presence = Presence(library.root)
    hashes = sorted(originals)
    for start in range(0, len(hashes), CHUNK):
        copies: dict[str, dict[str, StoredFile]] = defaultdict(dict)
        for copy in copies_of(library, hashes[start : start + CHUNK]):
            if copy.path not in but:
                copies[copy.hash][copy.path] = copy
        for sha256, left in copies.items():
            while left:
                ((_, path),) = paired([originals[sha256]], list(left))
                copy = left.pop(path)
                if presence.has(copy):
                    yield originals[sha256], copy
                    break


def file_of(copy: StoredFile) -> FoundFile:
    """Return the file of a copy as it is stored in its row."""
    return FoundFile(copy.path, copy.size_bytes or 0, copy.modification_time)
