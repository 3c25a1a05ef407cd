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


def chosen_database(given: str | None) -> str:
    """Return the database that was named, or the one in the root folder.

    Raises ConfigurationError when no place names a root folder.
    """
    return given or str(database_in(resolve_root_folder().path))


def database_in(folder: Path) -> Path:
    """Return where the database of a root folder is."""
    return folder / DATABASE_NAME
