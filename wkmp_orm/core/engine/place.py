"""Checks whether a database file can be opened or created at a path, and whether a text is a URL.

This module does not import SQLAlchemy, so that the command line can use it without that delay.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from wkmp_orm.core.engine.own_files import refuse_strange_files
from wkmp_orm.core.errors import DatabaseUnavailableError

if TYPE_CHECKING:
    from pathlib import Path

    from wkmp_orm.core.engine.target import DatabaseTarget

# Spellings of a database's URL that must not be taken for a path: `postgresql:/u:word@host/db`
# (what Path makes of a URL), `u:word@host/db`, libpq's `host=... password=...`.
_DATABASE_URL: Final = re.compile(
    r"""
    \s*["']?\s*(postgres|postgresql|sqlite)(\+\w+)?:  # no file has such a name
    | \s*(host|hostaddr|port|dbname|user|passfile|service|sslmode)\s*=
    | .*(passw(or)?d|pwd)\s*=
    | (?![./~\\]|[a-z]:[/\\]).*:.*@  # relative paths only: an absolute one may have both
    | //[^/]*:.*@
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def is_database_url(text: str) -> bool:
    """Return whether a text that should be a path is a database's URL, perhaps a misspelled one.

    The text may hold a password, so no message may repeat it.
    """
    return "://" in text or _DATABASE_URL.match(text) is not None


def why_not_read(folder: Path, error: OSError) -> str:
    """Return a sentence that says why a folder cannot be read."""
    shown = f"{str(folder)!a}"
    match error:
        case FileNotFoundError():
            return f"folder {shown} does not exist: check its spelling, or mount the disk"
        case NotADirectoryError():
            return f"{shown} is not a folder: name the folder that holds the music"
        case PermissionError():
            return f"folder {shown} cannot be read: give this user read and search permission on it"
        case _:
            reason = (error.strerror or type(error).__name__).lower()
            return f"folder {shown} cannot be read: {reason}"


def may(path: Path, mode: int) -> bool:
    """Return whether the effective user has the access `mode` (`os.R_OK`, ...) to a path."""
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def is_mounted_read_only(folder: Path) -> bool:
    """Return whether a folder's file system is mounted read-only."""
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except (OSError, AttributeError):  # Windows has no statvfs
        return False


def check_place(target: DatabaseTarget, *, read_only: bool) -> None:
    """Raise DatabaseUnavailableError if the database file cannot be opened or created."""
    path = target.path
    if path is None:
        return
    if not os.path.isdir(path.parent):  # noqa: PTH112  Path.is_dir raises PermissionError
        msg = (
            f"the folder {path.parent} does not exist or may not be entered; create it, or give"
            " another path"
        )
        raise DatabaseUnavailableError(msg)
    refuse_strange_files(path, with_locks=not read_only)
    if read_only:
        try:
            path.stat()
        except FileNotFoundError:
            msg = f"{path} does not exist, and opening read-only does not create it"
            raise DatabaseUnavailableError(msg) from None
        except OSError as error:
            raise DatabaseUnavailableError(why_not_read(path.parent, error)) from error
