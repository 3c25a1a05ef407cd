"""Finds the folders that old paths are relative to, and decides on the library's root.

The other services store paths relative to the imported folder, and each import may have another
one. A library has one root.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wkmp_orm.adoption.look import quoted
from wkmp_orm.errors import ConfigurationError
from wkmp_orm.paths import path_from_text, refuse_missing_root
from wkmp_orm.remedies import GIVE_ROOT_TO_ADOPT
from wkmp_orm.settings import LIBRARY_ROOT

if TYPE_CHECKING:
    from wkmp_orm.adoption.look import Ask, Found
    from wkmp_orm.core.engine.target import DatabaseTarget


@dataclass(frozen=True, slots=True)
class Roots:
    """The library's root, and the folders that were imported, the latest first."""

    root: Path
    imported: tuple[Path, ...] = ()
    is_remembered: bool = False
    """Whether the settings must store the root, because it is not the database's folder."""
    has_windows_paths: bool = False


def settle_roots(target: DatabaseTarget, ask: Ask, found: Found, given: Path | None) -> Roots:
    """Decide on the library's root; `given` is the user's choice, if any.

    Raises ConfigurationError if the root cannot be determined, if the settings have another one, or
    if the folder cannot be reached.
    """
    assert target.given is not None  # noqa: S101  an SQLite file
    beside = target.given.parent
    said = _stored_root(ask, found)
    told = _imported_folders(ask, found)
    imported = tuple(folder for folder in map(Path, told) if folder.is_absolute())
    root = _choose(beside, imported, given, said)
    if root != beside:
        _refuse_unreachable(root, is_given=given is not None)
    return Roots(
        root,
        imported,
        is_remembered=root != beside and said is None,
        has_windows_paths=any("\\" in folder and "/" not in folder for folder in told),
    )


def _choose(
    beside: Path, imported: tuple[Path, ...], given: Path | None, said: Path | None
) -> Path:
    if given is not None:
        if said is not None and said != given:
            message = f"the library's root is {said} by its settings, not {given}"
            raise ConfigurationError(message)
        return given
    if said is not None:
        return said
    others = {folder for folder in imported if not folder.is_relative_to(beside)}
    if not others:
        return beside
    if len(set(imported)) == 1:
        return imported[0]
    folders = ", ".join(f"{str(folder)!a}" for folder in sorted(set(imported)))
    message = f"music was imported from several folders ({folders}), and a library has one root"
    raise ConfigurationError(message, GIVE_ROOT_TO_ADOPT)


def _refuse_unreachable(root: Path, *, is_given: bool) -> None:
    if is_given:
        refuse_missing_root(root)
    elif not os.path.isdir(root):  # noqa: PTH112  Path.is_dir raises PermissionError
        message = f"music was imported from {str(root)!a}, which cannot be reached: mount it"
        raise ConfigurationError(message, GIVE_ROOT_TO_ADOPT)


def _stored_root(ask: Ask, found: Found) -> Path | None:
    settings = found.tables.get("settings")
    if settings is None:
        return None
    table = quoted(settings.spelled)
    rows = ask(f"SELECT value FROM {table} WHERE key = '{LIBRARY_ROOT.name}'")
    return (
        path_from_text(rows[0][0]) if rows and isinstance(rows[0][0], str) and rows[0][0] else None
    )


def _imported_folders(ask: Ask, found: Found) -> list[str]:
    sessions = found.tables.get("import_sessions")
    if sessions is None or "root_folder" not in sessions.names:
        return []
    rows = ask(
        f"SELECT root_folder FROM {quoted(sessions.spelled)}"
        " WHERE typeof(root_folder) = 'text' AND root_folder <> ''"
        " GROUP BY root_folder ORDER BY max(rowid) DESC"
    )
    return [folder for (folder,) in rows]
