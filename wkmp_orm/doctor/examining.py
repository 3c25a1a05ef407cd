"""Runs the whole examination: which checks, in which order, and what stops them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from wkmp_orm.core.engine.factory import create_reader_engine, disposing
from wkmp_orm.core.engine.faults import Fault, fault_of
from wkmp_orm.core.engine.options import EngineOptions
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.core.engine.translate_errors import translate_opening_errors
from wkmp_orm.core.errors import WkmpOrmError
from wkmp_orm.core.remedies import RESTORE_BACKUP
from wkmp_orm.doctor.files import file_findings
from wkmp_orm.doctor.findings import Examination, Severity, error
from wkmp_orm.doctor.installation import installation_findings
from wkmp_orm.doctor.pages import page_findings
from wkmp_orm.doctor.place import place_findings
from wkmp_orm.doctor.rows import row_findings
from wkmp_orm.doctor.schema import schema_findings
from wkmp_orm.doctor.server import server_findings

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator

    from wkmp_orm.doctor.findings import Finding

_ORDER: Final = [*reversed(Severity)]


def examine(
    database: str | os.PathLike[str] | DatabaseTarget, *, quick: bool = False
) -> Examination:
    """Examine a database and everything that it depends on. Others may use it meanwhile.

    `database` is a path or a URL. `quick` reads every page but checks no indexes, references or
    rows, which takes a second for each 100 MB of a database. It writes nothing, and begins no write
    transaction. A part that cannot be examined is a finding too.

    Raises ConfigurationError if `database` cannot be a database's name. Any thread may call it.
    """
    target = database if isinstance(database, DatabaseTarget) else DatabaseTarget.parse(database)
    found: list[Finding] = []
    if target.path is not None:
        found += file_findings(target.path)
    if not any(each.severity is Severity.ERROR for each in found):
        if target.path is not None:
            found += _asked("place", lambda: place_findings(target.path))  # type: ignore[arg-type]
        found += _asked("opening", lambda: _inside(target, quick=quick))
    found += installation_findings()
    found.sort(key=lambda each: _ORDER.index(each.severity))
    return Examination(str(target), quick, tuple(found))


def _inside(target: DatabaseTarget, *, quick: bool) -> Iterator[Finding]:
    """Run the checks inside the database."""
    options = EngineOptions(read_only=True)
    with (
        disposing(create_reader_engine(target, options)) as engine,
        translate_opening_errors(target),
    ):
        with engine.connect() as connection:
            says_of_itself = server_findings if target.path is None else page_findings
            found = _asked("pages", lambda: says_of_itself(connection, quick=quick))
        yield from found
        of_schema = _asked("schema", lambda: schema_findings(target, engine))
        yield from of_schema
        if quick or of_schema or any(each.check == "pages" for each in found):
            return  # the checks of rows assume the tables of this version
        with engine.connect() as connection:
            yield from _asked("rows", lambda: row_findings(target, connection))


def _asked(check: str, ask: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """Return what a check finds; an error that ends it is one more finding."""
    found: list[Finding] = []
    try:
        found.extend(ask())
    except WkmpOrmError as ended:
        found.append(error(check, ended.what, *ended.remedies))
    except sa.exc.DBAPIError as ended:
        damaged = fault_of(ended) in (Fault.CORRUPT, Fault.NOT_A_DATABASE)
        what = "the file is damaged" if damaged else "this could not be examined"
        remedies = [RESTORE_BACKUP] if damaged else []
        found.append(error(check, f"{what}: {ended.orig}", *remedies))
    except OSError as ended:
        found.append(error(check, f"this could not be examined: {ended}"))
    return found
