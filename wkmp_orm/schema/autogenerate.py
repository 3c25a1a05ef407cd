"""Functions for another program's alembic environment, if its tables share a database with ours.

    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        version_table="radio_version",
        include_name=include_name,
        render_item=render_item,
    )

They keep our tables out of its revisions, and write our column types in plain SQLAlchemy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa

from wkmp_orm.core import types
from wkmp_orm.mbid import Mbid
from wkmp_orm.schema.ours import OUR_TABLES, VERSION_TABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alembic.autogenerate.api import AutogenContext

_OURS: Final = OUR_TABLES | {VERSION_TABLE}

_TIMES: Final = {
    "TIMESTAMP": ("TIMESTAMP", "sa.TIMESTAMP(timezone=True)"),
    "TEXT": ("RFC3339", 'sa.Text().with_variant(sa.TIMESTAMP(timezone=True), "postgresql")'),
    "INTEGER": (
        "UNIX_TIME",
        'sa.Integer().with_variant(sa.TIMESTAMP(timezone=True), "postgresql")',
    ),
}
_GUID: Final = (
    "GUID",
    'sa.Text().with_variant(postgresql.UUID(as_uuid=False), "postgresql")',
)
_JSON: Final = ("JSON", 'sa.Text().with_variant(postgresql.JSONB(), "postgresql")')
_TEXT: Final = ("TEXT", "sa.Text()")


def include_name(
    name: str | None,
    kind: str,
    parents: Mapping[Any, str | None],
) -> bool:
    """Exclude our tables from what alembic's autogenerate finds in the database.

    Otherwise autogenerate proposes to drop them, because your metadata does not contain them.
    """
    is_ours = kind == "table" and name is not None and name.lower() in _OURS
    return not is_ours or parents.get("schema_name") is not None


def include_object(item: object, _name: str | None, kind: str, *_: object) -> bool:
    """Exclude our models from what autogenerate finds in your metadata.

    You need it in addition to `include_name` only if your models inherit `wkmp_orm.models.Base`:
    otherwise autogenerate proposes to create our tables.
    """
    if kind != "table" or not isinstance(item, sa.Table):
        return True
    return item.schema is not None or item.name not in OUR_TABLES


def render_item(kind: str, item: object, autogenerate: AutogenContext) -> str | Literal[False]:
    """Render our column types in plain SQLAlchemy.

    A revision must always create the same schema, so it must not import from wkmp_orm.
    """
    spelled = plain_type(item) if kind == "type" else None
    if spelled is None:
        return False
    if "postgresql." in spelled[1]:
        autogenerate.imports.add("from sqlalchemy.dialects import postgresql")
    return spelled[1]


def plain_type(item: object) -> tuple[str, str] | None:
    """Return a name for one of our column types, and its source text in plain SQLAlchemy.

    None for SQLAlchemy's own types.
    """
    if isinstance(item, types.EnumText | Mbid | types.ShortText):
        return _TEXT
    if isinstance(item, types.UtcDateTime):
        return _TIMES[item.declared]
    if isinstance(item, types.Guid):
        return _GUID
    return _JSON if isinstance(item, types.Json) else None
