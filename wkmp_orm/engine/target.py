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
    """A database: its URL, and for SQLite the absolute path of its file."""

    url: sa.URL
    path: Path | None

    @property
    def dialect(self) -> Dialect:
        """Name the database's kind."""
        return "postgresql" if self.path is None else "sqlite"

    def __str__(self) -> str:
        """Name it for people: the path, or the URL without its password."""
        return str(self.path or self.url.render_as_string(hide_password=True))

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
        path = Path(text).expanduser().absolute()
        if os.path.isdir(path):  # noqa: PTH112  Path.is_dir raises PermissionError
            msg = f"database {path} is a folder; give the path of a file in it, e.g. {path}/wkmp.db"
            raise ConfigurationError(msg)
        return cls(sa.URL.create("sqlite+pysqlite", database=str(path)), path)
