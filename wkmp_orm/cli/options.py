"""What several commands ask for in the same words: which database.

Knows the four places that name the root folder; must not know what is done with the database.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from wkmp_orm.root_folder import resolve_root_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

DATABASE_NAME: Final = "wkmp.db"
"""What all WKMP services call the database in their root folder."""


def database_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--database` to a command."""
    return click.option(
        "--database",
        metavar="PATH_OR_URL",
        help="An SQLite file, or a postgresql:// URL.  [default: wkmp.db in the root folder]",
    )(command)


def workers_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--workers` to a command that imports."""
    return click.option(
        "--workers",
        type=click.IntRange(1, 64),
        metavar="N",
        help="Files on their way at once.  [default: the setting ingest_max_concurrent_jobs]",
    )(command)


def folder_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `[FOLDER]`, whose library is meant, to a command."""
    return click.argument("folder", required=False)(command)


def folders_database(folder: str | None, database: str | None) -> str:
    """Return the database that was named, or the one in FOLDER, by default the root folder.

    Raises ConfigurationError when no place names a root folder.
    """
    return database or str(database_in(resolve_root_folder(folder).path))


def chosen_database(given: str | None) -> str:
    """Return the database that was named, or the one in the root folder.

    Raises ConfigurationError when no place names a root folder.
    """
    return folders_database(None, given)


def database_in(folder: Path) -> Path:
    """Return where the database of a root folder is."""
    return folder / DATABASE_NAME
