"""Reads a database: through a Session over one snapshot, or by SELECTs that are compiled once."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from wkmp_orm.core.engine.reading import readable
from wkmp_orm.core.engine.translate_errors import translate_reading_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import sqlalchemy as sa

    from wkmp_orm.core.engine.options import EngineOptions
    from wkmp_orm.core.engine.target import DatabaseTarget, Dialect
    from wkmp_orm.core.flush.flush import Flusher
    from wkmp_orm.core.flush.senders import Query
    from wkmp_orm.core.uses import Uses


class Reads:
    """The reading methods of `Database`."""

    target: DatabaseTarget
    options: EngineOptions
    _readers: sa.Engine
    _flusher: Flusher
    _uses: Uses

    def _check_usable(self) -> None:
        raise NotImplementedError

    @property
    def dialect(self) -> Dialect:
        """Which kind of database it is: "sqlite" or "postgresql"."""
        return self.target.dialect

    @contextmanager
    def reader(self) -> Iterator[Session]:
        """Open a read-only Session for the length of a `with` block: one consistent snapshot.

        The objects that it loads may be used afterwards. If the server does not answer, connecting
        is retried until the deadline of a write; after the block has begun, nothing is retried.
        Raises ReadOnlyDatabaseError for a write through it, ConnectionLostError if the server does
        not answer, and DatabaseUnavailableError if the database cannot be read for another reason.
        Errors of the caller's queries are raised as SQLAlchemy's. Any thread may call.
        """
        self._check_usable()
        with (
            self._uses.block(),
            translate_reading_errors(self.target, self._readers),
            readable(self._readers, self.options) as bind,
            Session(bind, expire_on_commit=False) as session,
        ):
            yield session

    def read(self, *queries: Query) -> list[Sequence[Sequence[Any]]]:
        """Run SELECTs that are compiled once, without a Session, and return the rows of each.

        On PostgreSQL all of them take one round trip. Each sees what is committed when it runs; for
        one snapshot of all use `reader`. Retried until the deadline of a write. Any thread may
        call.

        Raises DatabaseUnavailableError if the database cannot be read. Errors of a query are raised
        as SQLAlchemy's.
        """
        self._check_usable()
        with self._uses.block():
            return self._flusher.read(queries)
