"""Heals `files`: one original among equal files, and no complete file without hash or duration."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, Final

from wkmp_orm.adoption.workshop import literal
from wkmp_orm.core.types import dump_json
from wkmp_orm.phases.hash_deduplication import MOST_LISTED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wkmp_orm.adoption.workshop import Workshop

_KNOWN: Final = "n.hash NOT IN ('', 'PENDING')"
_RANKED: Final = (
    # Among equal files, the first in this order stays or becomes the original.
    "CREATE TEMP TABLE adopt_equals AS SELECT n.rowid AS rid, n.guid, n.hash, n.status,"
    " row_number() OVER (PARTITION BY n.hash ORDER BY n.status = 'DUPLICATE HASH',"
    " n.status <> 'INGEST COMPLETE', n.created_at, n.guid) AS place"
    f" FROM files AS n WHERE {_KNOWN} AND (n.status = 'DUPLICATE HASH' OR n.hash IN"
    f" (SELECT hash FROM files AS n WHERE {_KNOWN} GROUP BY hash HAVING count(*) > 1))"
)


def heal_files(work: Workshop) -> None:
    """Change the new `files` rows to what an import would have stored."""
    _start_unknown_ones_again(work)
    work.run(_RANKED)
    _elect_originals(work)
    _list_equals(work)
    work.run("DROP TABLE temp.adopt_equals")


def _start_unknown_ones_again(work: Workshop) -> None:
    """Reset complete files without hash or duration, so that the next import reads them again."""
    _set_status(
        work,
        "PENDING",
        f"n.status = 'INGEST COMPLETE' AND (NOT ({_KNOWN}) OR n.duration_ticks IS NULL)",
        "its hash or its duration is unknown, so that the next import reads it again",
    )
    _set_status(
        work,
        "PENDING",
        f"n.status = 'DUPLICATE HASH' AND NOT ({_KNOWN})",
        "its hash is unknown, so that the next import reads it again",
    )


def _elect_originals(work: Workshop) -> None:
    _set_status(
        work,
        "DUPLICATE HASH",
        "n.status <> 'DUPLICATE HASH'"
        " AND n.rowid IN (SELECT rid FROM temp.adopt_equals WHERE place > 1)",
        "another file with the same sound stands for it",
    )
    _set_status(
        work,
        "PENDING",
        "n.status = 'DUPLICATE HASH'"
        " AND n.rowid IN (SELECT rid FROM temp.adopt_equals WHERE place = 1)",
        "no other file with the same sound stood for it",
    )


def _set_status(work: Workshop, status: str, where: str, why: str) -> None:
    work.note_values("files", "status", where, literal(f"its status is {status} now: {why}"))
    work.run(f"UPDATE files AS n SET status = {literal(status)} WHERE {where}")


def _list_equals(work: Workshop) -> None:
    """Rewrite each file's list of equal files as an import would write it."""
    rows = work.rows(
        "SELECT n.hash, n.guid, e.place, n.rowid, n.matching_hashes FROM temp.adopt_equals AS e"
        " JOIN files AS n ON n.rowid = e.rid ORDER BY n.hash, n.guid"
    )
    for _, equals in groupby(rows, key=lambda row: row[0]):
        for row, listed in _lists([*equals]):
            _store_list(work, row, listed)
    stale = "n.matching_hashes IS NOT NULL AND n.rowid NOT IN (SELECT rid FROM temp.adopt_equals)"
    work.note_values(
        "files", "matching_hashes", stale, literal("it has no equals, so it lists none")
    )
    work.run(f"UPDATE files AS n SET matching_hashes = NULL WHERE {stale}")


def _lists(
    equals: Sequence[tuple[str, str, int, int, str | None]],
) -> Iterator[tuple[tuple[str, str, int, int, str | None], list[str]]]:
    original = next(guid for _, guid, place, _, _ in equals if place == 1)
    for row in equals:
        guid = row[1]
        if len(equals) <= MOST_LISTED:
            yield row, [other[1] for other in equals if other[1] != guid]
        else:
            yield row, [] if guid == original else [original]


def _store_list(
    work: Workshop, row: tuple[str, str, int, int, str | None], listed: Sequence[str]
) -> None:
    _, _, _, rowid, before = row
    text = dump_json([*listed]) if listed else None
    if text == before:
        return
    if before is None:
        work.tables["files"].filled["matching_hashes"] += 1
    elif sorted(map(str, json.loads(before))) == sorted(listed):
        work.tables["files"].respelled["matching_hashes"] += 1
    else:
        why = literal("its list of equal files is made anew from their hashes")
        work.note_values("files", "matching_hashes", "n.rowid = ?", why, rowid)
    work.run("UPDATE files SET matching_hashes = ? WHERE rowid = ?", text, rowid)
