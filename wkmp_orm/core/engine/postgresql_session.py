"""Configures each new PostgreSQL connection, and refuses servers that we cannot use.

The settings are sent as a statement: poolers refuse or drop start-up options.
"""

from __future__ import annotations

import re
import selectors
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.core.errors import ConfigurationError
from wkmp_orm.core.remedies import OTHER_DATABASE, UPGRADE_SERVER, USE_UTF8

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wkmp_orm.core.engine.target import DatabaseTarget

OLDEST: Final = 12
"""The oldest version of PostgreSQL that has all of the settings below."""

IDLE_WRITER_S: Final = 60
"""How long a write transaction may be idle: while its client is suspended, it keeps its locks, and
all writers of the same rows wait."""

IDLE_READER_S: Final = 3_600
"""How long a reader may be idle: nobody waits for it, but VACUUM cannot remove what it still
sees."""

# These formats override the defaults of the server, the database and the role. psycopg parses times
# in ISO style only, and extra_float_digits below 1 rounds numbers.
_FORMATS: Final = {
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
}
# A client that loses power or network sends no FIN. Without keepalives the server would keep the
# client's session and locks for two hours. With them it probes after 30 silent seconds.
_KEEPALIVES: Final = {
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "45000",
}

NO_ANSWER: Final = (
    "no answer to the first query for {:.0f} s: all connections of a pooler may be in use"
)

# Servers that speak PostgreSQL's protocol but differ in what we rely on: advisory locks that lock
# nothing, transactions that do not isolate, missing temporary tables.
_OTHER_SERVERS: Final = re.compile(
    r"CockroachDB|YugabyteDB|-YB-|Redshift|Greenplum|Materialize|openGauss|GaussDB|QuestDB|CrateDB"
    r"|RisingWave|Spanner|H2|DuckDB"
)


def session_settings(*, lock_wait_ms: int, writer: bool) -> dict[str, str]:
    """Return the settings of one session: formats, time limits, and whether it may write."""
    return {
        **_FORMATS,
        **_KEEPALIVES,
        "lock_timeout": str(lock_wait_ms),
        "idle_in_transaction_session_timeout": f"{IDLE_WRITER_S if writer else IDLE_READER_S}s",
        "default_transaction_read_only": "off" if writer else "on",
    }


@dataclass(frozen=True, slots=True)
class Answered:
    """What the server reported about itself and one connection."""

    process: int
    """The id of the server process behind the connection; a pooler may report another one."""
    may_stage: bool
    """Whether this role may create temporary tables."""
    settings: Mapping[str, str]
    """The settings as the server reports them after setting them."""


def prepare_session(
    connection: Any, target: DatabaseTarget, settings: Mapping[str, str], *, patience_s: float
) -> Answered:
    """Send a new connection its settings in one round trip, and return the server's answer.

    Raises ConfigurationError if the server is not PostgreSQL or is too old, or if its database's
    encoding cannot hold our text. Raises the driver's errors, one of them when no answer comes
    within `patience_s` seconds.
    """
    refuse_encoding(target, _reported(connection, b"server_encoding"))
    names = list(settings)
    told = ", ".join(f"set_config('{name}', '{settings[name]}', false)" for name in names)
    answers, error = _ask(
        connection,
        "SELECT version();"
        " SELECT pg_backend_pid(), has_database_privilege(current_database(), 'TEMP');"
        f" SELECT {told}",
        patience_s=patience_s,
    )
    if answers:  # first of all: another kind of server may refuse the rest
        refuse_other_server(target, str(answers[0][0]))
    if error is not None:
        raise error
    _, (process, may_stage), taken = answers
    return Answered(int(process), may_stage == "t", dict(zip(names, taken, strict=True)))


def process_of(connection: Any, *, patience_s: float) -> int:
    """Return the id of the server process that answers now."""
    return int(_one(connection, "SELECT pg_backend_pid()", patience_s)[0])


def settings_now(connection: Any, names: Sequence[str], *, patience_s: float) -> dict[str, str]:
    """Read settings back, in a separate transaction."""
    shown = ", ".join(f"current_setting('{name}')" for name in names)
    values = _one(connection, f"SELECT {shown}", patience_s)
    return dict(zip(names, values, strict=True))


def refuse_encoding(target: DatabaseTarget, encoding: str) -> None:
    """Raise ConfigurationError if the database's encoding cannot hold every text."""
    if encoding not in {"UTF8", ""}:
        msg = (
            f"{target} has the encoding {encoding}, which cannot hold the titles and names of all"
            " languages; nothing was written"
        )
        raise ConfigurationError(msg, USE_UTF8)


def refuse_other_server(target: DatabaseTarget, version: str) -> None:
    """Raise ConfigurationError if `version()` shows another product or too old a PostgreSQL."""
    number = re.match(r"PostgreSQL (\d+)", version)
    other = _OTHER_SERVERS.search(version)
    if number is None or other is not None:
        name = other[0].strip("-") if other else version.partition(" ")[0]
        name = {"YB": "YugabyteDB"}.get(name, name)
        msg = (
            f"{target} is {name} and not PostgreSQL: its locks and transactions differ from those"
            " that imports rely on. Nothing was written"
        )
        raise ConfigurationError(msg, OTHER_DATABASE)
    if int(number[1]) < OLDEST:
        msg = f"{target} is PostgreSQL {number[1]}; the oldest version that works is {OLDEST}"
        raise ConfigurationError(msg, UPGRADE_SERVER)


def _reported(connection: Any, name: bytes) -> str:
    """Return a parameter that the server reported when the connection began."""
    value: bytes | None = connection.pgconn.parameter_status(name)
    return (value or b"").decode()


def _one(connection: Any, query: str, patience_s: float) -> list[str]:
    (row,), error = _ask(connection, query, patience_s=patience_s)
    if error is not None:
        raise error
    return row


def _ask(
    connection: Any, query: str, *, patience_s: float
) -> tuple[list[list[str]], Exception | None]:
    """Send all queries together, outside of any transaction; return the one row of each.

    If a query fails, return the rows of the queries before it, and the error. psycopg's cursor has
    no time limit here and would wait for ever: a pooler whose connections are all in use accepts
    the login, and then sends no answer for minutes.
    """
    import psycopg  # noqa: PLC0415  an extra

    wire, end = connection.pgconn, time.monotonic() + patience_s
    rows: list[list[str]] = []
    error: Exception | None = None
    wire.send_query(query.encode())
    wire.flush()  # a few hundred bytes fit into the socket's buffer
    with selectors.DefaultSelector() as selector:
        selector.register(wire.socket, selectors.EVENT_READ)
        while True:
            while wire.is_busy():
                if not selector.select(max(0.0, end - time.monotonic())):
                    raise psycopg.OperationalError(NO_ANSWER.format(patience_s))
                wire.consume_input()
            result = wire.get_result()
            if result is None:
                return rows, error
            if result.status == psycopg.pq.ExecStatus.TUPLES_OK:
                rows.append(
                    [(result.get_value(0, i) or b"").decode() for i in range(result.nfields)]
                )
            else:
                error = psycopg.errors.error_from_result(result)
