"""What several commands ask for in the same words: which database, and whether it is there.

Knows the four places that name the root folder; must not know what is done with the database.
"""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from wkmp_orm.core.engine.place import why_not_read
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.errors import ConfigurationError, DatabaseUnavailableError
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

    Raises ConfigurationError when no place names a root folder, and when its database is a link.
    """
    return database or unnamed_database(resolve_root_folder(folder).path)


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

    Raises ConfigurationError when no place names a root folder, and when its database is a link.
    """
    return folders_database(None, given)


def unnamed_database(folder: Path) -> str:
    """Return the database of a root folder, for somebody who did not name one.

    Raises ConfigurationError when it is a symbolic link: whoever gave the folder away may have put
    it there, and it would have another program's database, or a new file anywhere, written to.
    """
    path = database_in(folder)
    with suppress(OSError):  # nothing there, or nothing that may be looked at: opening it will say
        target = os.path.join(folder, os.readlink(path))  # noqa: PTH115, PTH118  the link's text
        message = (
            f"{path} is a symbolic link to {target}, which nobody has named. If you trust it, name"
            f" it: --database {shlex.quote(target)}; otherwise remove the link"
        )
        raise ConfigurationError(message)
    return str(path)


def database_in(folder: Path) -> Path:
    """Return where the database of a root folder is."""
    return folder / DATABASE_NAME
