"""Compares the tables with those that this version creates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wkmp_orm import remedies
from wkmp_orm.core.errors import SchemaUnmanagedError
from wkmp_orm.doctor.findings import MOST_EVIDENCE, error, warning
from wkmp_orm.schema import current_revision, schema_differences
from wkmp_orm.schema.scripts import known_revisions

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa

    from wkmp_orm.core.engine.target import DatabaseTarget
    from wkmp_orm.doctor.findings import Finding

CHECK: Final = "schema"


def schema_findings(target: DatabaseTarget, engine: sa.Engine) -> Iterator[Finding]:
    """Compare the tables with those of the migrations. Any finding prevents a check of rows."""
    try:
        revision = current_revision(engine)
    except SchemaUnmanagedError as refused:
        yield error(CHECK, refused.what, *refused.remedies)
        return
    newest, *_ = known = known_revisions()
    if revision is None:
        what = f"{target} has no wkmp_orm schema yet, or was made by one of the other services"
        fill, adopt = remedies.create_schema(target.name), remedies.adopt_database(target.name)
        yield warning(CHECK, what, fill, *([adopt] if target.path is not None else []))
        return
    if revision not in known:
        what = f"the schema of {target} is at revision {revision}, which this version does not know"
        yield error(CHECK, what, remedies.UPGRADE_WKMP_ORM)
        return
    if revision != newest:
        what = f"the schema of {target} is at revision {revision}, the newest is {newest}"
        yield warning(CHECK, what, remedies.upgrade_schema(target.name))
        return
    differences = schema_differences(engine)
    if differences:
        what = f"the tables of {target} differ from those that the migrations make"
        shown = tuple(differences[:MOST_EVIDENCE])
        yield error(CHECK, what, remedies.restore_backup(target.name), evidence=shown)
