"""Adopts a database: looks, refuses, backs up, converts in one transaction, reports."""

from __future__ import annotations

import logging
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from wkmp_orm.adoption import refusing
from wkmp_orm.adoption.converting import convert
from wkmp_orm.adoption.look import Found, Kind, look
from wkmp_orm.adoption.report import Adoption, count_set_aside, read_set_aside, write_report
from wkmp_orm.adoption.roots import settle_roots
from wkmp_orm.adoption.workshop import OnProgress, Step, Workshop
from wkmp_orm.core.backup.sqlite_copy import copy_pages
from wkmp_orm.core.engine.factory import create_reader_engine, create_writer_engine, disposing
from wkmp_orm.core.engine.options import EngineOptions
from wkmp_orm.core.engine.place import check_place
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.core.engine.ticket import turn_to_write
from wkmp_orm.core.engine.translate_errors import translate_opening_errors
from wkmp_orm.core.schema.migrations import folder_of
from wkmp_orm.core.schema.state import asking, asking_once
from wkmp_orm.core.schema.transaction import migration_transaction
from wkmp_orm.core.types import utc_now
from wkmp_orm.schema import back_up, refuse_others

if TYPE_CHECKING:
    import os
    import sqlite3
    from contextlib import AbstractContextManager

    import sqlalchemy as sa

    from wkmp_orm.core.schema.upgrade import Hold

logger = logging.getLogger("wkmp_orm.adoption")

ADOPTABLE: Final = frozenset({Kind.EMPTY, Kind.FILLED})


def adopt(
    database: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | None = None,
    dry_run: bool = False,
    on_progress: OnProgress | None = None,
) -> Adoption:
    """Take over a database of WKMP's other services; `Library.adopt` describes it."""
    target = DatabaseTarget.parse(database)
    path = refusing.refuse_server(target)
    check_place(target, read_only=False)
    refusing.refuse_missing(target)
    given = None if root is None else folder_of(root, "root")
    tell = on_progress or (lambda _step: None)
    with translate_opening_errors(target):
        found = _look_at(target)
        if found.kind is Kind.STRANGE:
            refusing.refuse_strange(target, found)
        if found.kind not in ADOPTABLE:
            return _nothing_to_do(target, dry_run=dry_run)
        refusing.refuse_read_only(path)
        refusing.refuse_small_disk(path)
        if dry_run:
            return _rehearse(target, given, tell)
        with _engine_of(target) as engine:
            # No connection may be open, not even our own; this opens one and closes it again.
            refusing.refuse_in_use(path, engine.dialect.loaded_dbapi)
            return _adopt(target, engine, given, tell)


def take_over_empty(target: DatabaseTarget, engine: sa.Engine, *, hold: Hold) -> None:
    """Create our tables in another service's database that has no music; refuse one with rows.

    Does nothing for a new database, and for one of ours. `engine` is a writer engine. Several
    processes may do this at the same time. Raises SchemaUnmanagedError for a database with rows,
    which `adopt` takes over, and for another program's.
    """
    found = refuse_unadopted(target, engine)
    if found.kind is not Kind.EMPTY:
        return
    with hold(), migration_transaction(target, engine, frozenset()) as connection:
        found = look(asking(connection))
        if found.kind is Kind.FILLED:  # meanwhile
            refusing.refuse_filled(target)
        if found.kind is not Kind.EMPTY:
            return
        back_up(target, engine, before="adoption")
        roots = settle_roots(target, asking(connection), found, None)
        convert(Workshop(connection, found, roots))
    logger.info("%s was made by another service of WKMP and is a library now", target)


def refuse_unadopted(target: DatabaseTarget, engine: sa.Engine) -> Found:
    """Return whose an SQLite database is. Raises SchemaUnmanagedError if it must be adopted."""
    found = look(asking_once(engine))
    if found.kind is Kind.FILLED:
        refusing.refuse_filled(target)
    if found.kind is Kind.STRANGE:
        refusing.refuse_strange(target, found)
    return found


def _look_at(target: DatabaseTarget) -> Found:
    """Look at a database; refuse one that needs no adoption and is no library that we can open."""
    with disposing(create_reader_engine(target, EngineOptions(read_only=True))) as engine:
        found = look(asking_once(engine))
        if found.kind not in {*ADOPTABLE, Kind.STRANGE}:
            refuse_others(target, engine)
        return found


def _engine_of(target: DatabaseTarget) -> AbstractContextManager[sa.Engine]:
    return disposing(create_writer_engine(target, EngineOptions(create=False)))


def _adopt(
    target: DatabaseTarget, engine: sa.Engine, given: Path | None, tell: OnProgress
) -> Adoption:
    assert target.path is not None  # noqa: S101  refused above
    patience_ms = EngineOptions().max_lock_wait_ms
    with (
        turn_to_write(target.path, phase="adoption", patience_ms=patience_ms),
        migration_transaction(target, engine, frozenset()) as connection,
    ):
        found = look(asking(connection))
        if found.kind not in ADOPTABLE:  # another process was faster
            return _nothing_to_do(target, dry_run=False)
        roots = settle_roots(target, asking(connection), found, given)
        tell(Step("backing up"))
        backup = back_up(target, engine, before="adoption")
        work = Workshop(connection, found, roots, tell)
        convert(work)
        adoption = _adoption(target, work, dry_run=False)
        adoption.backup = backup
    with closing(engine.raw_connection()) as connection:
        adoption.report = write_report(adoption, connection.driver_connection, target.path)
    return adoption


def _rehearse(target: DatabaseTarget, given: Path | None, tell: OnProgress) -> Adoption:
    """Adopt a copy of the database, and delete the copy."""
    assert target.path is not None  # noqa: S101  refused above
    with tempfile.TemporaryDirectory(dir=target.path.parent, prefix=".adoption-") as folder:
        copy = DatabaseTarget.parse(Path(folder) / target.path.name)
        tell(Step("copying"))
        _copy(target, copy)
        with (
            _engine_of(copy) as engine,
            migration_transaction(target, engine, frozenset()) as connection,
        ):
            found = look(asking(connection))
            roots = settle_roots(target, asking(connection), found, given)
            work = Workshop(connection, found, roots, tell)
            convert(work)
            return _adoption(target, work, dry_run=True)


def _copy(source: DatabaseTarget, destination: DatabaseTarget) -> None:
    with (
        disposing(create_reader_engine(source, EngineOptions(read_only=True))) as reader,
        closing(reader.raw_connection()) as from_,
        closing(reader.dialect.loaded_dbapi.connect(str(destination.path))) as to,
    ):
        copy_pages(cast("sqlite3.Connection", from_.driver_connection), to, None)


def _nothing_to_do(target: DatabaseTarget, *, dry_run: bool) -> Adoption:
    return Adoption(database=str(target), is_needed=False, dry_run=dry_run, adopted_at=utc_now())


def _adoption(target: DatabaseTarget, work: Workshop, *, dry_run: bool) -> Adoption:
    return Adoption(
        database=str(target),
        is_needed=True,
        dry_run=dry_run,
        adopted_at=utc_now(),
        root=work.roots.root,
        tables=work.tables,
        references=work.references,
        set_aside=read_set_aside(work.connection),
        set_aside_in_all=count_set_aside(work.connection),
    )
