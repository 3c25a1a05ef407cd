"""Options and arguments that several commands share: which database, and whether it must exist."""

from __future__ import annotations

import os
import shlex
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from wkmp_orm.core.engine.place import why_not_read
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.errors import ConfigurationError, DatabaseUnavailableError
from wkmp_orm.root_folder import ENVIRONMENT_VARIABLES, resolve_root_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

DATABASE_NAME: Final = "wkmp.db"
"""The name of the database in a root folder, for all WKMP services."""


def database_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--database` to a command."""
    return click.option(
        "--database",
        metavar="PATH_OR_URL",
        help="An SQLite file, or a postgresql:// URL.  [default: that of the"
        " library that contains the folder, else wkmp.db in the root folder]",
    )(command)


def workers_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--workers` to a command that imports."""
    return click.option(
        "--workers",
        type=click.IntRange(1, 64),
        metavar="N",
        help="Files in progress at a time.  [default: the setting ingest_max_concurrent_jobs]",
    )(command)


def folder_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `[FOLDER]`, a folder of the library, to a command."""
    return click.argument("folder", required=False)(command)


def folders_database(folder: str | None, database: str | None) -> str:
    """Return the given database, or that of the library that contains FOLDER.

    Without FOLDER it is the library that contains the current folder, unless the environment
    names a root folder; if there is none, the database of the root folder. Raises
    ConfigurationError if no root folder is known, or if its database is a link.
    """
    if database:
        return database
    if folder is None and (enclosing := current_library()) is not None:
        return str(enclosing)
    return database_of(resolve_root_folder(folder).path)


def database_of(folder: Path) -> str:
    """Return the database in a folder or, if it has none, of the library that contains it.

    Otherwise return where a new database would be made in the folder. Raises ConfigurationError if
    the folder's own database is a link.
    """
    if not os.path.lexists(database_in(folder)):
        enclosing = enclosing_database(folder)
        if enclosing is not None:
            return str(enclosing)
    return unnamed_database(folder)


def current_library() -> Path | None:
    """Return the database of the library that contains the current folder, if there is one.

    Returns None if the environment names a root folder, which then takes precedence, as with git.
    """
    if any(name in os.environ for name in ENVIRONMENT_VARIABLES):
        return None
    try:
        return enclosing_database(Path.cwd())
    except FileNotFoundError:  # it was deleted
        return None


def enclosing_database(folder: Path) -> Path | None:
    """Return the database of the nearest folder, from this one upwards, that has one.

    A link and a file of another user are skipped, because the user has not named them and anyone
    can put such a file into a folder like /tmp. If the user names such a file, it is opened.
    """
    folder = folder.absolute()
    for each in (folder, *folder.parents):
        try:
            found = database_in(each).lstat()
        except OSError:
            continue
        if stat.S_ISREG(found.st_mode) and _is_trusted(found):
            return database_in(each)
    return None


def _is_trusted(file: os.stat_result) -> bool:
    return not hasattr(os, "getuid") or file.st_uid in {0, os.getuid()}


def existing_database(folder: str | None, database: str | None) -> str:
    """Return the same as `folders_database`, for a command that must not create the database.

    Raises ConfigurationError for a folder that `import` would refuse too, and
    DatabaseUnavailableError if the file does not exist.
    """
    place = folders_database(folder, database)
    path = DatabaseTarget.parse(place).path
    if path is None:
        return place
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        if folder is None and database is None:
            message = (
                f"there is no library: the current folder is not in one, and {path} does not exist."
                " Run this in the folder of a library, name its database with --database, or"
                " import first"
            )
            raise DatabaseUnavailableError(message) from None
        if database is None and not path.parent.is_dir():
            raise ConfigurationError(why_not_read(path.parent, error)) from error
        message = f"{path} does not exist; name another with --database, or import first"
        raise DatabaseUnavailableError(message) from None
    except OSError as error:
        raise ConfigurationError(why_not_read(path.parent, error)) from error
    return place


def of_library(folder: str | None, database: str | None) -> tuple[str, ...]:
    """Return the arguments that name the same library in another command."""
    if database:
        return "--database", database
    if folder is None:
        return ()
    return (os.path.join(".", folder) if folder.startswith("-") else folder,)  # noqa: PTH118  Path drops the dot


def chosen_database(given: str | None) -> str:
    """Return the given database, that of the library around the current folder, or the root's.

    Raises ConfigurationError if no root folder is known, or if its database is a link.
    """
    return folders_database(None, given)


def unnamed_database(folder: Path) -> str:
    """Return the database of a root folder, for a user who did not name one.

    Raises ConfigurationError if it is a symbolic link: whoever created the folder may have put it
    there, to make this program write to another program's database or to a new file anywhere.
    """
    path = database_in(folder)
    with suppress(OSError):  # no such file, or no permission: opening it reports that
        target = os.path.join(folder, os.readlink(path))  # noqa: PTH115, PTH118  the link's text
        message = (
            f"{path} is a symbolic link to {target}, which you did not name. If you trust it, name"
            f" it: --database {shlex.quote(target)}; otherwise remove the link"
        )
        raise ConfigurationError(message)
    return str(path)


def database_in(folder: Path) -> Path:
    """Return the path of a root folder's database."""
    return folder / DATABASE_NAME
