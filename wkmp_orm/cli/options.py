"""What several commands ask for in the same words: which database, and whether it is there.

Knows the four places that name the root folder; must not know what is done with the database.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from wkmp_orm.engine.target import DatabaseTarget
from wkmp_orm.errors import ConfigurationError, DatabaseUnavailableError
from wkmp_orm.root_folder import resolve_root_folder, why_not_read

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


def existing_database(folder: str | None, database: str | None) -> str:
    """Return what `folders_database` does, for a command that must not create it.

    Raises ConfigurationError for a folder that `import` would refuse as well, and
    DatabaseUnavailableError when there is no such file.
    """
    place = folders_database(folder, database)
    path = DatabaseTarget.parse(place).path
    if path is None:
        return place
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        if database is None and not path.parent.is_dir():
            raise ConfigurationError(why_not_read(path.parent, error)) from error
        message = f"{path} does not exist; name another with --database, or import first"
        raise DatabaseUnavailableError(message) from None
    except OSError as error:
        raise ConfigurationError(why_not_read(path.parent, error)) from error
    return place


def chosen_database(given: str | None) -> str:
    """Return the database that was named, or the one in the root folder.

    Raises ConfigurationError when no place names a root folder.
    """
    return folders_database(None, given)


def database_in(folder: Path) -> Path:
    """Return where the database of a root folder is."""
    return folder / DATABASE_NAME
