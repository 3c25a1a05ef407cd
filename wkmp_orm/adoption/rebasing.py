"""Converts the paths of files to the library's form: relative to its root, separated by `/`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wkmp_orm.adoption.workshop import literal, staged
from wkmp_orm.errors import ConfigurationError
from wkmp_orm.paths import file_path, path_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wkmp_orm.adoption.roots import Roots
    from wkmp_orm.adoption.workshop import Workshop

_WHY: Final = literal("its path is relative to the library's root now, with / between the names")


def rebase_paths(work: Workshop) -> None:
    """Convert the paths in the new table of files, before equal ones are merged."""
    _turn_backslashes(work)
    roots = work.roots
    query = "SELECT rowid, path FROM files"
    if set(roots.imported) <= {roots.root}:
        query += " WHERE path GLOB '/*' OR path GLOB '[A-Za-z]:/*'"
    changed = [(new, rowid) for rowid, new in _rebased(roots, work.rows(query))]
    if not changed:
        return
    work.run("CREATE TEMP TABLE adopt_paths (rid INTEGER PRIMARY KEY, path TEXT NOT NULL)")
    insert = "INSERT INTO temp.adopt_paths (path, rid) VALUES (?, ?)"
    work.connection.exec_driver_sql(insert, changed)
    where = "n.rowid IN (SELECT rid FROM temp.adopt_paths)"
    work.note_values("files", "path", where, _WHY)
    work.run(
        "UPDATE files AS n SET path = (SELECT p.path FROM temp.adopt_paths AS p"
        f" WHERE p.rid = n.rowid) WHERE {where}"
    )
    work.run("DROP TABLE temp.adopt_paths")


def _turn_backslashes(work: Workshop) -> None:
    r"""Replace `\` by `/` if it is a Windows separator and not a part of a file's name."""
    is_windows = work.roots.has_windows_paths or not work.value(
        "SELECT EXISTS (SELECT 1 FROM files WHERE instr(path, '/') > 0)"
    )
    twin = (
        ""
        if is_windows
        # Windows: only if the path is also stored with slashes.
        else f" AND replace(n.path, '\\', '/') IN (SELECT path FROM {staged('files')})"
    )
    where = f"instr(n.path, '\\') > 0{twin}"
    work.note_values("files", "path", where, _WHY)
    work.run(f"UPDATE files AS n SET path = replace(n.path, '\\', '/') WHERE {where}")


def _rebased(roots: Roots, rows: object) -> Iterator[tuple[int, str]]:
    for rowid, path in rows:  # type: ignore[attr-defined]
        new = _relative_to_root(path, roots)
        if new is not None and new != path:
            yield rowid, new


def _relative_to_root(path: str, roots: Roots) -> str | None:
    """Return the path relative to the root; None if it is outside."""
    absolute = _where_it_is(path, roots)
    try:
        return path_text(absolute.relative_to(roots.root)) if absolute is not None else None
    except (ValueError, ConfigurationError):
        return None


def _where_it_is(path: str, roots: Roots) -> Path | None:
    if path.startswith("/"):
        return Path(path)
    candidates = []
    for folder in dict.fromkeys((roots.root, *roots.imported)):
        try:
            candidates.append(file_path(path, folder))
        except ConfigurationError:
            continue
    there = next((each for each in candidates if os.path.lexists(each)), None)
    if there is not None or len(roots.imported) != 1 or not candidates:
        return there
    return candidates[-1]  # the file is missing, and only one folder was imported
