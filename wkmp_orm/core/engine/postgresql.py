"""Creates the PostgreSQL engines: connections in UTC, with time limits, replaced when lost."""

from __future__ import annotations

import select
from difflib import get_close_matches
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import DisconnectionError

from wkmp_orm.core.engine.pooler import PoolerWatch
from wkmp_orm.core.engine.postgresql_session import prepare_session, session_settings
from wkmp_orm.core.errors import ConfigurationError
from wkmp_orm.core.remedies import install

if TYPE_CHECKING:
    from wkmp_orm.core.engine.options import EngineOptions
    from wkmp_orm.core.engine.target import DatabaseTarget

APPLICATION_NAME: Final = "wkmp_orm"
WRITER_CONNECTIONS: Final = 16
"""Concurrent flushes of one process; PostgreSQL's default allows 100 connections in all."""

NOTICES_LOSS: Final = {
    "keepalives": "1",
    "keepalives_idle": "5",
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "12000",
}
"""The client's TCP settings: a network cut raises an error after 12 to 15 s, whether it loses the
request or the answer. Without them a COMMIT hung for 111 s at a cut of 60 s. The time is longer
than the pauses of a mobile network, and the URL may override it."""


GUARD_PATIENCE_S: Final = 5
"""How long the connection of a session lock may take to connect, and to answer; in seconds."""


def create_postgresql_engine(
    target: DatabaseTarget, options: EngineOptions, *, writer: bool
) -> sa.Engine:
    """Create the engine of the writers or of the readers; nothing is connected yet.

    A reader's transaction is one snapshot. Raises ConfigurationError if the driver is missing or
    the URL has an option that the driver does not know.
    """
    return _create(
        target,
        lock_wait_ms=options.max_lock_wait_ms,
        writer=writer and not options.read_only,
        application_name=target.url.query.get("application_name", APPLICATION_NAME),
        patience_s=max(2, options.max_lock_wait_ms // 1000),
        isolation_level="READ COMMITTED" if writer else "REPEATABLE READ",
        pool_size=WRITER_CONNECTIONS if writer else options.reader_pool_size,
        max_overflow=0 if writer else 4,
        pool_timeout=options.max_lock_wait_ms / 1000,
        pool_use_lifo=True,
    )


def create_guard_engine(target: DatabaseTarget, *, application_name: str) -> sa.Engine:
    """Create the engine for a connection that holds a lock, without pool and transaction."""
    return _create(
        target,
        lock_wait_ms=GUARD_PATIENCE_S * 1000,
        writer=True,
        application_name=application_name,
        patience_s=GUARD_PATIENCE_S,
        isolation_level="AUTOCOMMIT",
        poolclass=sa.NullPool,
    )


def _create(
    target: DatabaseTarget,
    *,
    lock_wait_ms: int,
    writer: bool,
    application_name: str | tuple[str, ...],
    patience_s: int,
    **engine_options: Any,
) -> sa.Engine:
    if find_spec("psycopg") is None:
        msg = "PostgreSQL needs its driver"
        raise ConfigurationError(msg, install("postgresql"))
    _refuse_unknown_options(target)
    from wkmp_orm.core.engine.lock_waits import ClockedCursor  # noqa: PLC0415  needs the driver

    arguments: dict[str, Any] = {
        **_unless_given(target, {"connect_timeout": patience_s, **NOTICES_LOSS}),
        "client_encoding": "utf8",
        "cursor_factory": ClockedCursor,
        "application_name": application_name,
        **dict(target.secrets),
    }
    engine = sa.create_engine(
        target.url,
        hide_parameters=True,  # as for SQLite
        connect_args=arguments,
        **engine_options,
    )
    _prepare_sessions(
        engine, target, arguments, lock_wait_ms=lock_wait_ms, writer=writer, patience_s=patience_s
    )

    @sa.event.listens_for(engine, "checkout")
    def replace_lost(connection: Any, _record: object, _proxy: object) -> None:
        if not _is_alive(connection, engine.dialect):
            raise DisconnectionError  # the pool connects anew

    return engine


def _prepare_sessions(
    engine: sa.Engine,
    target: DatabaseTarget,
    arguments: dict[str, Any],
    *,
    lock_wait_ms: int,
    writer: bool,
    patience_s: int,
) -> None:
    """Configure each new connection, and refuse one whose session settings get lost."""
    settings = session_settings(lock_wait_ms=lock_wait_ms, writer=writer)

    def connect() -> Any:
        positional, named = engine.dialect.create_connect_args(target.url)
        return engine.dialect.connect(*positional, **{**named, **arguments})

    watch = PoolerWatch(target, connect)

    # Before SQLAlchemy's own first queries, which another kind of server may not understand.
    @sa.event.listens_for(engine, "connect", insert=True)
    def prepare(connection: Any, record: Any) -> None:
        try:
            answered = prepare_session(connection, target, settings, patience_s=patience_s)
            watch.refuse_mixed_sessions(connection, answered, patience_s=patience_s)
        except BaseException:  # the pool would leave it to the garbage collector
            connection.close()
            raise
        record.info.update(may_stage=answered.may_stage, lock_wait_s=lock_wait_ms / 1000)


def _unless_given(target: DatabaseTarget, defaults: dict[str, Any]) -> dict[str, Any]:
    return {name: target.url.query.get(name, value) for name, value in defaults.items()}


def _is_alive(connection: Any, dialect: sa.Dialect) -> bool:
    """Return whether a pooled connection can be used, at the price of a system call.

    A server that restarts or ends an idle session sends a message, and the system reports a cut
    network: in both cases the socket is readable. Only then we ping the server: a round trip.
    """
    if connection.closed:
        return False
    if not _has_something_to_read(connection.fileno()):
        return True
    try:
        return dialect.do_ping(connection)  # the message may be only a notice
    except dialect.loaded_dbapi.Error:
        return False


def _has_something_to_read(number: int) -> bool:
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([number], [], [], 0)[0])
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return bool(poll.poll(0))


def _refuse_unknown_options(target: DatabaseTarget) -> None:
    """Raise ConfigurationError for options that libpq does not know, without repeating them.

    If a password contains an unescaped "&", its second half looks like an option. The driver would
    refuse such an option too, but its message would show it.
    """
    import psycopg  # noqa: PLC0415  an extra

    known = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
    for name in target.url.query.keys() - known:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "correct it, and write %26 for & in a value"
        msg = f"the URL of {target} has an option that PostgreSQL does not know; {hint}"
        raise ConfigurationError(msg)
