"""Finds the rows of files that were renamed, moved or swapped, and gives them their new paths.

A row is loose if nothing lies at its path any more, or if another row's file does (as after two
files changed names). A loose row goes to the place where its content is found. A file is hashed
only if its size is that of a loose row. Files whose import was interrupted before they were hashed
are identified by size and time, as in the scan.

A file that was only re-tagged, or replaced by an unknown one, keeps the row of its path.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from wkmp_orm.errors import AnalysisCancelledError, SoundFileError, WkmpOrmError
from wkmp_orm.models import FileStatus
from wkmp_orm.orchestrator.handing_over import copies_for, file_of
from wkmp_orm.orchestrator.pairing import paired
from wkmp_orm.orchestrator.presence import Presence, is_as_scanned
from wkmp_orm.orchestrator.writing import FATAL_ERRORS, write
from wkmp_orm.paths import file_path
from wkmp_orm.phase import Phase
from wkmp_orm.phases import (
    Relocation,
    known_hashes,
    record_relocations,
    stored_files,
)

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from wkmp_orm.library import Library
    from wkmp_orm.phases import FoundFile, LooseFile, StoredFile

logger = logging.getLogger("wkmp_orm.orchestrator")

CHUNK: Final = 500


@dataclass(slots=True)
class Moves:
    """The result of `follow_moved_files`: how many rows moved, and the hashes that it computed."""

    moved: int = 0
    hashes: dict[str, str] = field(default_factory=dict)


def follow_moved_files(
    library: Library,
    loose: Sequence[LooseFile],
    stop: threading.Event,
    *,
    threads: int,
    hash_of: Callable[[Path, threading.Event], str],
) -> Moves:
    """Give the rows of moved files their new paths.

    `loose` are scanned files that may belong to other rows; `hash_of` returns the SHA-256 of one,
    and is called in up to `threads` threads at a time. Raises the FlushErrors that affect every
    file. A row that another program changes meanwhile is left unchanged.
    """
    search = _Search(library, loose, stop, threads, hash_of)
    targets = search.targets()
    if stop.is_set():
        return Moves(hashes=search.hashes)
    targets += search.copies_for_displaced(targets)
    relocations = _without_homeless(targets, search.row_at)
    moved = sum(write_groups(library, chunk) for chunk in _chunks(_groups(relocations)))
    return Moves(moved, search.hashes)


class _Search:
    """Matches loose rows with files."""

    def __init__(
        self,
        library: Library,
        loose: Sequence[LooseFile],
        stop: threading.Event,
        threads: int,
        hash_of: Callable[[Path, threading.Event], str],
    ) -> None:
        self._library = library
        self._stop = stop
        self._threads = threads
        self._sha256_of = hash_of
        self._files = {each.found.path: each for each in loose}
        self.row_at = {path: each.row for path, each in self._files.items() if each.row}
        self.hashes: dict[str, str] = {}
        """The hashes of the files that were read, by path, without files that changed meanwhile."""

    def targets(self) -> list[tuple[StoredFile, FoundFile]]:
        """Return the rows that move, each with its file."""
        changed = [each.row for each in self._files.values() if each.is_changed and each.row]
        if not self._files:
            return []
        gone = list(self._gone())
        if not gone and not changed:
            return []
        self._hash(self._of_wanted_size([*gone, *changed]))
        displaced = self._displaced(changed)
        moves = list(self._by_content([*gone, *displaced]))
        rows = {row.guid for row, _ in moves}
        paths = {path for _, path in moves}
        moves += self._by_time(
            [row for row in (*gone, *changed) if row.is_unfinished and row.guid not in rows], paths
        )
        return [(row, self._files[path].found) for row, path in moves]

    def copies_for_displaced(
        self, targets: Sequence[tuple[StoredFile, FoundFile]]
    ) -> list[tuple[StoredFile, FoundFile]]:
        """Return the originals whose places are taken, each with the copy that replaces it."""
        coming = {found.path for _, found in targets}
        going = {row.guid for row, _ in targets}
        displaced = [
            row for path, row in self.row_at.items() if path in coming and row.guid not in going
        ]
        changed = {path for path, each in self._files.items() if each.is_changed}
        left = {row.path for row, _ in targets}
        found = []
        for row, copy in copies_for(self._library, displaced, but=coming | changed | left):
            self.row_at[copy.path] = copy
            found.append((row, file_of(copy)))
        return found

    def _gone(self) -> Iterator[StoredFile]:
        """Yield the rows of the whole library whose files are gone and may be among those found."""
        presence = Presence(self._library.root, seen=self._files)
        sizes = {each.found.size_bytes for each in self._files.values()}
        for row in stored_files(self._library):
            if (row.has_hash or row.is_unfinished) and (
                row.size_bytes is None or row.size_bytes in sizes
            ):
                if self._stop.is_set():
                    return
                if row.path not in self._files and presence.is_gone(row.path):
                    yield row

    def _of_wanted_size(self, rows: Iterable[StoredFile]) -> Iterator[str]:
        """Yield the paths of files with the size of a loose row other than their own."""
        sizes = Counter(row.size_bytes for row in rows)
        for path, file in self._files.items():
            own = file.row.size_bytes if file.is_changed and file.row else -1
            size = file.found.size_bytes
            if sizes[size] > (own == size) or sizes[None] > (own is None):
                yield path

    def _hash(self, paths: Iterable[str]) -> None:
        """Hash files, in as many threads as there are workers."""
        wanted = [path for path in paths if path not in self.hashes]
        if not wanted:
            return
        with ThreadPoolExecutor(self._threads, "hash") as pool:
            for path, sha256 in zip(wanted, pool.map(self._hash_of, wanted), strict=True):
                if sha256 is not None:
                    self.hashes[path] = sha256

    def _hash_of(self, path: str) -> str | None:
        if self._stop.is_set():
            return None
        place, found = file_path(path, self._library.root), self._files[path].found
        try:
            sha256 = self._sha256_of(place, self._stop)
            if not is_as_scanned(place, found):
                return None
        except (OSError, SoundFileError, AnalysisCancelledError):
            return None  # the file's own import reports the reason
        return sha256

    def _displaced(self, changed: Sequence[StoredFile]) -> list[StoredFile]:
        """Return the rows whose paths now hold the files of other rows."""
        held = set(self.hashes.values())
        wanted = [row for row in changed if row.has_hash and row.hash in held]
        self._hash(row.path for row in wanted)
        others = [row for row in wanted if self.hashes.get(row.path, row.hash) != row.hash]
        known = known_hashes(self._library, sorted({self.hashes[row.path] for row in others}))
        return [row for row in others if self.hashes[row.path] in known]

    def _by_content(self, rows: Iterable[StoredFile]) -> Iterator[tuple[StoredFile, str]]:
        """Pair loose rows with the files that have their content.

        If there are fewer files than rows, an original comes before its copies. If an original is
        left over, it takes the place of a copy whose file was touched or swapped with an equal one,
        because passages and edits belong to the original.
        """
        by_hash: dict[str, list[StoredFile]] = defaultdict(list)
        for row in rows:
            if row.has_hash:
                by_hash[row.hash].append(row)
        paths: dict[str, list[str]] = defaultdict(list)
        copies: dict[str, list[str]] = defaultdict(list)
        for path, sha256 in self.hashes.items():
            own = self.row_at.get(path)
            if own is None or own.hash != sha256:
                paths[sha256].append(path)
            elif own.status is FileStatus.DUPLICATE_HASH:
                copies[sha256].append(path)
        for sha256, those in by_hash.items():
            pairs = _paired(those, paths[sha256])
            yield from pairs
            moved = {row.guid for row, _ in pairs}
            left = [
                row
                for row in those
                if row.guid not in moved and row.status is not FileStatus.DUPLICATE_HASH
            ]
            yield from paired(left, copies[sha256])

    def _by_time(self, rows: Sequence[StoredFile], taken: set[str]) -> list[tuple[StoredFile, str]]:
        """Pair unfinished rows with files of equal size and time, if there is just one of each.

        If there is a file at a row's path, the row moves only if another row moves there.
        """
        of_rows: dict[object, list[StoredFile]] = defaultdict(list)
        for row in rows:
            of_rows[row.size_bytes, row.modification_time].append(row)
        of_files: dict[object, list[str]] = defaultdict(list)
        for path, file in self._files.items():
            if path not in taken and (file.row is None or file.is_changed):
                of_files[file.found.size_bytes, file.found.modification_time].append(path)
        pairs = [
            (those[0], of_files[key][0])
            for key, those in of_rows.items()
            if len(those) == 1 == len(of_files.get(key, ()))
        ]
        while True:
            coming = taken | {path for _, path in pairs}
            staying = [pair for pair in pairs if pair[0].path not in {*self._files} - coming]
            if len(staying) == len(pairs):
                return pairs
            pairs = staying


def _paired(rows: Sequence[StoredFile], paths: Sequence[str]) -> list[tuple[StoredFile, str]]:
    """Pair an original and its copies with the files that have their content."""
    if len(rows) <= len(paths):
        return paired(rows, paths)
    copies = [row for row in rows if row.status is FileStatus.DUPLICATE_HASH]
    pairs = paired([row for row in rows if row.status is not FileStatus.DUPLICATE_HASH], paths)
    taken = {path for _, path in pairs}
    return pairs + paired(copies, [path for path in paths if path not in taken])


def _without_homeless(
    targets: Sequence[tuple[StoredFile, FoundFile]], row_at: Mapping[str, StoredFile]
) -> list[Relocation]:
    """Create the relocations, and also move each row whose path another row takes.

    The file of such a row is gone. The row gets the path that becomes free at the end of the chain;
    there is always one.
    """
    coming = {found.path: row for row, found in targets}
    going = {row.guid for row, _ in targets}
    relocations = [Relocation(row, found.path, found) for row, found in targets]
    for path in coming:
        row = row_at.get(path)
        if row is not None and row.guid not in going:
            free = path
            while free in coming:
                free = coming[free].path
            relocations.append(Relocation(row, free, None))
    return relocations


def _groups(relocations: Sequence[Relocation]) -> list[list[Relocation]]:
    """Split relocations into groups that must be written together: whole chains or cycles."""
    starting_at = {each.row.path: each for each in relocations}
    wanted = {each.path for each in relocations}
    # Chains start at a row whose path no other row takes; the remaining rows form cycles.
    first = [each for each in relocations if each.row.path not in wanted]
    groups, seen = [], set()
    for each in (*first, *relocations):
        group = []
        following: Relocation | None = each
        while following is not None and following.row.guid not in seen:
            seen.add(following.row.guid)
            group.append(following)
            following = starting_at.get(following.path)
        if group:
            groups.append(group)
    return groups


def _chunks(groups: Sequence[list[Relocation]]) -> Iterator[list[list[Relocation]]]:
    chunk: list[list[Relocation]] = []
    size = 0
    for group in groups:
        if chunk and size + len(group) > CHUNK:
            yield chunk
            chunk, size = [], 0
        chunk.append(group)
        size += len(group)
    if chunk:
        yield chunk


def write_groups(library: Library, groups: Sequence[list[Relocation]]) -> int:
    """Write groups of relocations and return how many files moved.

    If a write is refused, its groups are split in half and tried again. A single group that is
    refused is left out: another program has changed its rows.
    """
    relocations = [each for group in groups for each in group]
    try:
        write(library, Phase.FILENAME_MATCHING, lambda work: record_relocations(work, relocations))
    except FATAL_ERRORS:
        raise
    except WkmpOrmError as error:
        if len(groups) == 1:
            logger.info("%s did not move to %s: %s", *_first(relocations), error)
            return 0
        half = len(groups) // 2
        return write_groups(library, groups[:half]) + write_groups(library, groups[half:])
    return sum(each.found is not None for each in relocations)


def _first(relocations: Sequence[Relocation]) -> tuple[str, str]:
    return relocations[0].row.path, relocations[0].path
