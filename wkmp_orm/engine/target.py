"""Which database: a path or a URL, understood once.

Knows nothing of connections or tables.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from wkmp_orm.errors import ConfigurationError

Dialect = Literal["sqlite", "postgresql"]


@dataclass(frozen=True, slots=True)
class DatabaseTarget:
    """A database: its URL, and for SQLite the path of its file.

    `path` is where the file really is, whatever symbolic links lead there: its log and its lock
    files stand beside that. `given` is the absolute path that the caller gave.
    """

    url: sa.URL
    path: Path | None
    given: Path | None = None

    @property
    def dialect(self) -> Dialect:
        """Name the database's kind."""
        return "postgresql" if self.path is None else "sqlite"

    def __str__(self) -> str:
        """Name it for people: the path that was given and where it leads, or the URL.

        The URL is without its password.
        """
        if self.path != self.given:
            return f"{self.given} (which leads to {self.path})"
        return str(self.path or self.url.render_as_string(hide_password=True))

    @property
    def name(self) -> str:
        """Name it as an argument of a command: the path that was given, or the URL."""
        return str(self.given or self)

    @classmethod
    def parse(cls, database: str | os.PathLike[str]) -> DatabaseTarget:
        """Understand a path (`~` is expanded) or a URL.

        Raises ConfigurationError for anything that is neither an SQLite file nor PostgreSQL.
        """
        text = os.fspath(database)
        if "://" not in text:
            return cls._from_path(text)
        try:
            url = sa.make_url(text)
        except (ArgumentError, ValueError) as error:
            msg = f"database URL {text!r} cannot be read: {error}"
            raise ConfigurationError(msg) from error
        backend = url.get_backend_name()
        if backend == "sqlite":
            return cls._from_path(url.database or ":memory:")
        if backend in ("postgresql", "postgres"):
            return cls(url.set(drivername="postgresql+psycopg"), None)
        msg = (
            f"database URL {url.render_as_string()!r}: {backend} is not supported;"
            " give the path of an SQLite file or a postgresql:// URL"
        )
        raise ConfigurationError(msg)

    @classmethod
    def _from_path(cls, text: str) -> DatabaseTarget:
        if not text or text.startswith((":memory:", "file:")):
            # An in-memory database belongs to one connection, and here readers and writers have
            # connections of their own.
            msg = (
                f"database {text!r}: an in-memory database or a file: URI cannot be shared between"
                " readers and writers; give the path of a file, for example in a temporary folder"
            )
            raise ConfigurationError(msg)
        given = Path(text).expanduser().absolute()
        if os.path.isdir(given):  # noqa: PTH112  Path.is_dir raises PermissionError
            msg = (
                f"database {given} is a folder; give the path of a file in it, e.g. {given}/wkmp.db"
            )
            raise ConfigurationError(msg)
        path = Path(os.path.realpath(given))
        if path == Path(os.path.normpath(given)):  # no link: only dots were taken out
            given = path
        return cls(sa.URL.create("sqlite+pysqlite", database=str(path)), path, given)
