"""Pairs rows with equal files: by name, then by the end of the path, then by age.

The functions are pure: they use no file system and no database.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from wkmp_orm.phases import StoredFile

Pairs = list[tuple["StoredFile", str]]


def folded(path: str) -> str:
    """Return the path as a key that ignores case and normalisation, as some file systems do."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def paired(rows: Sequence[StoredFile], paths: Sequence[str]) -> Pairs:
    """Pair rows with the paths where equal files lie now; some of either may be left over.

    The longest common end of the path wins, starting with the name; then an end that differs only
    in case or normalisation; then the oldest row gets the first path. The time is linear in the
    number of files, because a library may have thousands of equal files.
    """
    rows = sorted(rows, key=lambda row: (row.created_at, row.guid))
    left = sorted(paths)
    pairs: Pairs = []
    if len(rows) > 1 or len(left) > 1:
        for spelled in (str, folded):
            deepest = min(_depth(row.path for row in rows), _depth(left))
            for depth in range(deepest, 0, -1):
                more = _with_equal_tails(rows, left, depth, spelled)
                pairs += more
                taken_rows = {row.guid for row, _ in more}
                taken_paths = {path for _, path in more}
                rows = [row for row in rows if row.guid not in taken_rows]
                left = [path for path in left if path not in taken_paths]
                if not rows or not left:
                    return pairs
    return pairs + list(zip(rows, left, strict=False))


def _depth(paths: Iterable[str]) -> int:
    return max((path.count("/") + 1 for path in paths), default=0)


def _with_equal_tails(
    rows: Sequence[StoredFile], paths: Sequence[str], depth: int, spelled: Callable[[str], str]
) -> Pairs:
    waiting: dict[tuple[str, ...], list[StoredFile]] = defaultdict(list)
    for row in reversed(rows):
        if tail := _tail(spelled(row.path), depth):
            waiting[tail].append(row)
    pairs: Pairs = []
    for path in paths:
        candidates = waiting.get(_tail(spelled(path), depth))
        if candidates:
            pairs.append((candidates.pop(), path))
    return pairs


def _tail(path: str, depth: int) -> tuple[str, ...]:
    names = path.rsplit("/", depth)
    return tuple(names[-depth:]) if len(names) >= depth else ()
