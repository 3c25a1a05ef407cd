"""Writes the entries of a list as CSV, JSON Lines or M3U8."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import fields
from typing import IO, TYPE_CHECKING, Any, Final

from wkmp_orm import browse
from wkmp_orm.cli.documents import VERSION
from wkmp_orm.cli.documents_of_lists import plain
from wkmp_orm.errors import ConfigurationError
from wkmp_orm.paths import file_path
from wkmp_orm.ticks import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

ENTRIES: Final = {
    "songs": browse.SongEntry,
    "albums": browse.AlbumEntry,
    "artists": browse.ArtistEntry,
    "files": browse.FileEntry,
    "passages": browse.PassageEntry,
}


def written(
    stream: IO[bytes], form: str, name: str, entries: Iterable[Any], root: Path | None
) -> tuple[int, int]:
    """Write a list, and return how many entries were written and left out."""
    if form == "m3u8" and root is not None:
        return _m3u8(stream, entries, root)
    if form == "jsonl":
        return _json_lines(stream, entries), 0
    return _csv(stream, name, entries), 0


def _csv(stream: IO[bytes], name: str, entries: Iterable[Any]) -> int:
    """Write a header line and a line for each entry; unknown values are empty."""
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
    columns = [each.name for each in fields(ENTRIES[name])]
    table = csv.writer(text, lineterminator="\n")
    number = 0
    try:
        table.writerow(columns)
        for entry in entries:
            table.writerow([plain(getattr(entry, each)) for each in columns])
            number += 1
    finally:
        text.detach()  # otherwise it would close the caller's stream
    return number


def _json_lines(stream: IO[bytes], entries: Iterable[Any]) -> int:
    number = 0
    for entry in entries:
        line = json.dumps({"version": VERSION, **plain(entry)}, ensure_ascii=False)
        stream.write(f"{line}\n".encode())
        number += 1
    return number


def _m3u8(stream: IO[bytes], entries: Iterable[Any], root: Path) -> tuple[int, int]:
    stream.write(b"#EXTM3U\n")
    number = left_out = 0
    for entry in entries:
        # A player would stop at a missing file.
        path = None if entry.missing_since is not None else _path(entry.path, root)
        if path is None:
            left_out += 1
            continue
        number += 1
        stream.write(f"#EXTINF:{_seconds(entry)},{_called(entry)}\n".encode())
        for line in _part(entry):
            stream.write(f"#EXTVLCOPT:{line}\n".encode())
        stream.write(path + b"\n")
    return number, left_out


def _path(stored: str | None, root: Path) -> bytes | None:
    """Return the path as the file system has it; None if it does not fit into one line."""
    if stored is None:
        return None
    try:
        path = os.fsencode(file_path(stored, root))
    except ConfigurationError:
        return None
    return None if b"\n" in path or b"\r" in path else path


def _seconds(entry: Any) -> int:
    ticks = (
        entry.duration_ticks
        if isinstance(entry, browse.FileEntry)
        else entry.end_ticks - entry.start_ticks
    )
    return -1 if ticks is None else round(ticks / TICKS_PER_SECOND)


def _called(entry: Any) -> str:
    name = entry.title or entry.path.rpartition("/")[2]
    called = f"{entry.artist} - {name}" if entry.artist else name
    return " ".join(called.split())


def _part(entry: Any) -> list[str]:
    """Return the VLC options for a part of a file; none for a whole file."""
    if isinstance(entry, browse.FileEntry):
        return []
    start, end = (ticks / TICKS_PER_SECOND for ticks in (entry.start_ticks, entry.end_ticks))
    return [f"start-time={start:.3f}", f"stop-time={end:.3f}"]
