"""PostgreSQL connections: named, in UTC, with a lock timeout so that a wait can end in an error."""

from __future__ import annotations

from difflib import get_close_matches
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from wkmp_orm.core.errors import ConfigurationError
from wkmp_orm.core.remedies import install

if TYPE_CHECKING:
    from wkmp_orm.core.engine.options import EngineOptions
    from wkmp_orm.core.engine.target import DatabaseTarget

APPLICATION_NAME: Final = "wkmp_orm"
WRITER_CONNECTIONS: Final = 16
"""Flushes that may run at once in one process; PostgreSQL's own default allows 100 in all."""


def create_postgresql_engine(
    target: DatabaseTarget, options: EngineOptions, *, writer: bool
) -> sa.Engine:
    """Create the engine of the writers or of the readers; nothing is connected yet.

    Raises ConfigurationError without the driver, and for an option in the URL that it does not
    know.
    """
    if find_spec("psycopg") is None:
        msg = "PostgreSQL needs its driver"
        raise ConfigurationError(msg, install("postgresql"))
    url = target.url
    _refuse_unknown_options(target)
    read_only = "off" if writer and not options.read_only else "on"
    own_options = url.query.get("options", "")  # such as a search_path; ours come after it
    return sa.create_engine(
        url,
        isolation_level="READ COMMITTED",
        pool_size=WRITER_CONNECTIONS if writer else options.reader_pool_size,
        max_overflow=0 if writer else 4,
        pool_timeout=options.max_lock_wait_ms / 1000,
        pool_use_lifo=True,
        hide_parameters=True,  # as for SQLite
        connect_args={
            "application_name": url.query.get("application_name", APPLICATION_NAME),
            "options": (
                f"{own_options} -c timezone=UTC -c default_transaction_read_only={read_only}"
                f" -c lock_timeout={options.max_lock_wait_ms // 2}"
            ),
            "connect_timeout": url.query.get(
                "connect_timeout", max(2, options.max_lock_wait_ms // 1000)
            ),
            **dict(target.secrets),
        },
    )


def _refuse_unknown_options(target: DatabaseTarget) -> None:
    """Refuse them without a word of them: after a password with an "&" they are its other half.

    The driver would refuse them too, but by name.
    """
    import psycopg  # noqa: PLC0415  an extra

    known = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
    for name in target.url.query.keys() - known:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "correct it, and write %26 for & in a value"
        msg = f"the URL of {target} has an option that PostgreSQL does not know; {hint}"
        raise ConfigurationError(msg)
