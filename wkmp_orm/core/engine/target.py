"""Parses a database's path or URL, and names the database in messages without its secrets."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from wkmp_orm.core.engine.place import is_database_url
from wkmp_orm.core.errors import ConfigurationError

Dialect = Literal["sqlite", "postgresql"]

_SPELLING: Final = "postgresql://USER:PASSWORD@HOST:PORT/NAME"
_NOT_REPEATED: Final = "it is not repeated here, because it may hold a password"
_HOW: Final = (
    f"write {_SPELLING}, and in the password %40 for @, %2F for /, %3A for :, %3F for ?, %23 for #,"
    " %25 for %"
)

_PASSWORDS: Final = frozenset({"password"})
_SECRETS: Final = frozenset(
    {"sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"}
)
"""Options of PostgreSQL's URLs that are secret, apart from the password."""

_SHOWN: Final = ("host", "hostaddr", "port", "user", "dbname", "service", "sslmode", "options")
"""Options that distinguish one database from another, or say how to reach it."""
# A value with "=" or ";" in it may be two options run together. Only an option that selects the
# PostgreSQL schema may contain an "=".
_PLAIN: Final = re.compile(r"[\w./:,-]*|-c ?search_path=[\w,]+")


@dataclass(frozen=True, slots=True, repr=False)
class DatabaseTarget:
    """A database: its URL, and for SQLite the path of its file.

    `path` is the file's real path, with symbolic links resolved; the log and the lock files are
    beside it. `given` is the absolute path that the caller gave. `url` contains the password but no
    other secret; `secrets` holds the others, as arguments of the driver's `connect`. `str` and
    `repr` show no secret.
    """

    url: sa.URL
    path: Path | None
    given: Path | None = None
    secrets: tuple[tuple[str, str], ...] = ()

    @property
    def dialect(self) -> Dialect:
        """The kind of database, as SQLAlchemy names its dialect."""
        return "postgresql" if self.path is None else "sqlite"

    def __str__(self) -> str:
        """Return a name for messages: the given path and where it leads, or the URL.

        The URL has no secrets, and only the options that identify the database.
        """
        if self.path != self.given:
            return f"{self.given} (which leads to {self.path})"
        if self.path is not None:
            return str(self.path)
        query = {name: self.url.query[name] for name in _SHOWN if name in self.url.query}
        shown = {name: each for name, each in query.items() if _is_plain(each)}
        return self.url.set(query=shown).render_as_string(hide_password=True)

    def __repr__(self) -> str:
        return f"<DatabaseTarget {self}>"

    @property
    def name(self) -> str:
        """A name to use as an argument of a command: the given path, or the URL."""
        return str(self.given or self)

    @classmethod
    def parse(cls, database: str | os.PathLike[str]) -> DatabaseTarget:
        """Parse a path (`~` is expanded) or a URL.

        Raises ConfigurationError for anything that is neither an SQLite file nor PostgreSQL. A text
        that could be a misspelled URL is not taken for a path, and no message repeats it.
        """
        text = os.fspath(database)
        if "://" in text:
            return cls._from_url(text)
        if is_database_url(text):
            raise ConfigurationError(
                f"the name of the database is neither a path nor a URL;"
                f" {_NOT_REPEATED}; {_HOW}. If a file has that name, give its whole path"
            )
        return cls._from_path(text)

    @classmethod
    def _from_url(cls, text: str) -> DatabaseTarget:
        scheme, _, rest = text.partition("://")
        backend = scheme.lower().partition("+")[0]
        if backend == "sqlite":
            return cls._from_sqlite_url(f"{scheme.lower()}://{rest}")
        if backend in ("postgresql", "postgres"):
            return cls._from_postgresql_url(rest)
        if re.fullmatch(r"[a-z][\w.+-]{0,29}", scheme, re.IGNORECASE):
            raise ConfigurationError(
                f"{scheme} is not supported; give the path of an SQLite file or a postgresql:// URL"
            )
        raise ConfigurationError(f"the database's URL cannot be read; {_NOT_REPEATED}; {_HOW}")

    @classmethod
    def _from_sqlite_url(cls, text: str) -> DatabaseTarget:
        url = _parsed(text)
        if url is None or url.host is not None or url.username is not None:
            raise ConfigurationError(
                f"the URL of an SQLite file cannot be read; {_NOT_REPEATED}; it must not name a"
                " host: write sqlite:///NAME, sqlite:////WHOLE/PATH, or just the path"
            )
        database = url.database or ":memory:"
        if url.query and not database.startswith("file:"):
            raise ConfigurationError(
                f"the URL of an SQLite file has options after a '?'; {_NOT_REPEATED}; leave them"
                " out, or give the path if the '?' belongs to the file's name"
            )
        return cls._from_path(database)

    @classmethod
    def _from_postgresql_url(cls, rest: str) -> DatabaseTarget:
        url = _parsed(f"postgresql+psycopg://{rest}")
        # A second "@" may end a password that contains the first one, and a "@" after a "?" may be
        # part of a password too. Then the rest of the password would be taken for the host.
        before_at = rest.rpartition("@")[0]
        if (
            url is None
            or "@" in before_at
            or "?" in before_at
            or (before_at and url.username is None)
        ):
            raise ConfigurationError(
                f"the URL of a PostgreSQL database cannot be read; {_NOT_REPEATED}; {_HOW}"
            )
        secrets = []
        for name in url.query.keys() & (_PASSWORDS | _SECRETS):
            value = url.query[name]
            if not isinstance(value, str):
                raise ConfigurationError(
                    f"the URL of a PostgreSQL database has {name} twice; give it once"
                )
            if name in _PASSWORDS:
                url = url.set(password=value)
            else:
                secrets.append((name, value))
        url = url.difference_update_query([*_PASSWORDS, *_SECRETS])
        return cls(url, None, secrets=tuple(secrets))

    @classmethod
    def _from_path(cls, text: str) -> DatabaseTarget:
        if not text or text.startswith((":memory:", "file:")):
            # An in-memory database belongs to one connection, but readers and writers have separate
            # connections.
            raise ConfigurationError(
                "an in-memory database or a file: URI cannot be shared between readers and writers;"
                " give the path of a file, for example in a temporary folder"
            )
        given = Path(text).expanduser().absolute()
        if os.path.isdir(given):  # noqa: PTH112  Path.is_dir raises PermissionError
            raise ConfigurationError(
                f"database {given} is a folder; give the path of a file in it, e.g. {given}/wkmp.db"
            )
        path = Path(os.path.realpath(given))
        if path == Path(os.path.normpath(given)):  # no link, only "." and ".." removed
            given = path
        return cls(sa.URL.create("sqlite+pysqlite", database=str(path)), path, given)


def _parsed(text: str) -> sa.URL | None:
    """Return the URL, or None if it is invalid: SQLAlchemy's error may quote a password.

    If the caller raised our error while handling SQLAlchemy's, a traceback would show both.
    """
    try:
        return sa.make_url(text)
    except (ArgumentError, ValueError):
        return None


def _is_plain(value: str | tuple[str, ...]) -> bool:
    return all(_PLAIN.fullmatch(each) for each in ([value] if isinstance(value, str) else value))
