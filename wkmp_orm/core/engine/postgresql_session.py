"""What each PostgreSQL connection is told when it is opened, and what is refused there.

Settings go to the server as a statement and not as start-up options, which poolers refuse or drop.
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
"""The oldest version of PostgreSQL that knows all of the settings below."""

IDLE_WRITER_S: Final = 60
"""How long a transaction that writes may do nothing: a machine that stands still in it keeps its
locks, and everybody waits who writes the same rows."""

IDLE_READER_S: Final = 3_600
"""How long a reader may do nothing: it keeps nobody waiting, but VACUUM from what it still sees."""

# Values are read and written in these formats, whatever the defaults of the server, the database or
# the role. psycopg reads times in ISO alone; below 1 extra_float_digits rounds numbers.
_FORMATS: Final = {
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
}
# A machine that lost its power or its network says no good-bye: without these the server would
# believe in it, and keep its locks, for two hours. Now it asks after half a silent minute.
_KEEPALIVES: Final = {
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "45000",
}

NO_ANSWER: Final = (
    "no answer to the first question for {:.0f} s: all connections of a pooler may be taken"
)

# Servers that speak PostgreSQL's protocol and are something else: advisory locks that lock nothing,
# transactions that do not isolate, temporary tables that are missing.
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
    """What the server said of itself and of one connection."""

    process: int
    """The server's process behind the connection, which differs from what a pooler claims."""
    may_stage: bool
    """Whether this role may create temporary tables."""
    settings: Mapping[str, str]
    """The settings as the server has taken them."""


def prepare_session(
    connection: Any, target: DatabaseTarget, settings: Mapping[str, str], *, patience_s: float
) -> Answered:
    """Give a new connection its settings in one round trip, and return what the server answers.

    Raises ConfigurationError for a server that is no PostgreSQL, is too old, or whose database
    cannot hold our text; the driver's errors, among them one for no answer within `patience_s`.
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
    if answers:  # before anything else: what is no PostgreSQL may refuse the rest
        refuse_other_server(target, str(answers[0][0]))
    if error is not None:
        raise error
    _, (process, may_stage), taken = answers
    return Answered(int(process), may_stage == "t", dict(zip(names, taken, strict=True)))


def process_of(connection: Any, *, patience_s: float) -> int:
    """Ask which process of the server answers now."""
    return int(_one(connection, "SELECT pg_backend_pid()", patience_s)[0])


def settings_now(connection: Any, names: Sequence[str], *, patience_s: float) -> dict[str, str]:
    """Read settings back, in a transaction of its own."""
    shown = ", ".join(f"current_setting('{name}')" for name in names)
    values = _one(connection, f"SELECT {shown}", patience_s)
    return dict(zip(names, values, strict=True))


def refuse_encoding(target: DatabaseTarget, encoding: str) -> None:
    """Raise ConfigurationError for a database that cannot hold every text."""
    if encoding not in {"UTF8", ""}:
        msg = (
            f"{target} has the encoding {encoding}, which cannot hold the titles and names of all"
            " languages; nothing was written"
        )
        raise ConfigurationError(msg, USE_UTF8)


def refuse_other_server(target: DatabaseTarget, version: str) -> None:
    """Raise ConfigurationError for what is no PostgreSQL, or too old, by its own `version()`."""
    number = re.match(r"PostgreSQL (\d+)", version)
    other = _OTHER_SERVERS.search(version)
    if number is None or other is not None:
        name = other[0].strip("-") if other else version.partition(" ")[0]
        name = {"YB": "YugabyteDB"}.get(name, name)
        msg = (
            f"{target} is {name} and not PostgreSQL: its locks and transactions are not those that"
            " imports rely on. Nothing was written"
        )
        raise ConfigurationError(msg, OTHER_DATABASE)
    if int(number[1]) < OLDEST:
        msg = f"{target} is a PostgreSQL {number[1]}, and {OLDEST} is the oldest that can be used"
        raise ConfigurationError(msg, UPGRADE_SERVER)


def _reported(connection: Any, name: bytes) -> str:
    """Return what the server said of itself when the connection began."""
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
    """Send queries at once, outside of any transaction; return the one row of each.

    With an error of the server's come the rows of the queries before it. Not through psycopg's
    cursor, which would wait for ever: a pooler whose connections are all taken logs us in, and then
    answers nothing for minutes.
    """
    import psycopg  # noqa: PLC0415  an extra

    wire, end = connection.pgconn, time.monotonic() + patience_s
    rows: list[list[str]] = []
    error: Exception | None = None
    wire.send_query(query.encode())
    wire.flush()  # a few hundred bytes, which the system takes at once
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
