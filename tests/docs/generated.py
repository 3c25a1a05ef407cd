"""Writes the parts of the documentation that repeat the code: `python -m tests.docs.generated`.

A page marks such a part with two comments, `<!-- generated: NAME -->` and `<!-- end -->`; a test
says when one is stale. Knows no sentence of the pages.
"""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from tests.core.error_tree import draw as draw_tree
from tests.core.error_tree import drawn
from tests.docs.pages import DOCS, PAGES, ROOT
from tests.docs.pipeline_picture import draw_pipeline
from tests.docs.row_trace import files_on_the_way
from tests.docs.schema_picture import draw_schema
from tests.docs.statements import statements_of_a_recording
from wkmp_orm import browse, errors
from wkmp_orm.core import errors as core_errors
from wkmp_orm.core.policy import Policy
from wkmp_orm.core.table_info import NOW, TableInfo
from wkmp_orm.core.tracing.write_metrics import WRITE_METRICS
from wkmp_orm.models.tables import TABLES as CATALOG
from wkmp_orm.orchestrator.traces import IMPORT_METRICS
from wkmp_orm.settings import SETTINGS

if TYPE_CHECKING:
    from wkmp_orm.settings import SettingKey

PICTURES: Final[dict[Path, Callable[[], str]]] = {
    DOCS / "schema.svg": draw_schema,
    DOCS / "pipeline.svg": draw_pipeline,
}

MARKED: Final = re.compile(
    r"(?P<open><!-- generated: (?P<name>[\w-]+) -->\n).*?(?P<close><!-- end -->)", re.DOTALL
)

TABLES: Final = (
    *("files", "passages", "songs", "artists", "albums", "works"),
    *("passage_songs", "song_artists", "passage_albums", "song_works"),
    *("import_sessions", "import_failures", "import_provenance"),
    *("import_members", "import_claims"),
    *("acoustid_cache", "service_answers", "settings", "flush_ledger"),
)
"""In the order in which a reader meets them."""

_ALONE: Final = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_DIALECTS: Final = (sqlite.dialect(), postgresql.dialect())  # type: ignore[no-untyped-call]


def settings_table() -> str:
    """List every setting."""
    rows = [
        f"| `{key.name}` | {_kind(key)} | {_range(key)} | {_setting_default(key)} | {key.doc} |"
        for key in SETTINGS.values()
    ]
    return _table("key | kind | range | default | meaning", rows)


def _kind(key: SettingKey[Any]) -> str:
    return f"{key.kind.__name__}, {key.unit}" if key.unit else key.kind.__name__


def _range(key: SettingKey[Any]) -> str:
    if key.minimum is None and key.maximum is None:
        return ""
    low = "" if key.minimum is None else f"{key.minimum:,}"
    high = "" if key.maximum is None else f"{key.maximum:,}"
    return f"{low} to {high}" if high else f"{low} or more"


def _setting_default(key: SettingKey[Any]) -> str:
    return "NULL" if key.default is None else f"`{key.format(key.default)}`"


def schema_tables() -> str:
    """Describe every table: columns, stored types, defaults, policies, constraints, indexes."""
    return "\n".join(_described(CATALOG[name]) for name in sorted(CATALOG, key=TABLES.index))


def _described(info: TableInfo) -> str:
    rows = [
        f"| `{column.name}` | {_stored(column)} | {'' if column.nullable else 'never NULL'} |"
        f" {_default(info, column)} | {_policy(info, column)} |"
        for column in info.table.c
    ]
    parts = [
        f"### {info.name}",
        inspect.cleandoc(info.model.__doc__ or ""),
        _table("column | SQLite / PostgreSQL | NULL | default | what `put` may do", rows).strip(),
        "\n".join([*_indexes(info.table), *_checks(info.table)]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _stored(column: sa.Column[Any]) -> str:
    here, there = (column.type.compile(dialect=dialect) for dialect in _DIALECTS)
    there = there.replace("TIMESTAMP WITH TIME ZONE", "timestamptz").replace(
        "DOUBLE PRECISION", "double precision"
    )
    return here if here == there else f"{here} / {there}"


def _default(info: TableInfo, column: sa.Column[Any]) -> str:
    if column.name in info.key:
        return "made by the client" if column.default is not None else ""
    default = info.defaults.get(column.name)
    if column.name not in info.defaults:
        return ""
    if default is NOW:
        return "now"
    value = default() if callable(default) else getattr(default, "value", default)
    return f"`{value}`" if value != "" else "empty"


def _policy(info: TableInfo, column: sa.Column[Any]) -> str:
    policy = info.policies[column.name]
    if policy is Policy.KEY and info.natural_key == info.key:
        return "key and natural key"
    refers = info.foreign_keys.get(column.name)
    if refers is None:
        return policy.value
    deleted = next(iter(column.foreign_keys)).ondelete
    return f"{policy.value}; refers to {refers}, ON DELETE {deleted}"


def _indexes(table: sa.Table) -> list[str]:
    lines = []
    for index in sorted(table.indexes, key=lambda index: (not index.unique, str(index.name))):
        columns = ", ".join(_indexed(each) for each in index.expressions)
        where = index.dialect_options["sqlite"].get("where")
        condition = f" where {where}" if where is not None else ""
        kind = "unique index" if index.unique else "index"
        using = index.dialect_options["postgresql"].get("using")
        only = _ALONE.get(index.info.get("dialect", ""), "")
        alone = f" (on {only} alone{f', {using}' if using else ''})" if only else ""
        lines.append(f"- {kind} `{index.name}` on {columns}{condition}{alone}")
    for constraint in table.constraints:
        if isinstance(constraint, sa.UniqueConstraint):
            columns = ", ".join(column.name for column in constraint.columns)
            lines.append(f"- unique `{constraint.name}` on {columns}")
    return lines


def _indexed(expression: Any) -> str:
    """Spell what an index holds, where that differs for both databases."""
    if isinstance(expression, sa.Column | sa.TextClause):
        return str(getattr(expression, "name", expression))
    here, there = (
        str(expression.compile(dialect=dialect, compile_kwargs={"include_table": False}))
        for dialect in _DIALECTS
    )
    return here if here == there else f"{here} (on PostgreSQL {there})"


def _checks(table: sa.Table) -> list[str]:
    checks = [item for item in table.constraints if isinstance(item, sa.CheckConstraint)]
    return [
        f"- check `{check.name}`: {check.sqltext}"
        for check in sorted(checks, key=lambda check: str(check.name))
    ]


def _table(head: str, rows: list[str]) -> str:
    rule = "|".join("---" for _ in head.split("|"))
    return "\n".join([f"| {head} |", f"|{rule}|", *rows]) + "\n"


def error_tree() -> str:
    """Draw the errors of the core and ours as one tree."""
    ours = {name: told for name, told in drawn(errors).items() if told[1]}
    return f"```text\n{draw_tree(drawn(core_errors) | ours)}```\n"


def documents() -> str:
    """List the fields of what `wkmp_orm.browse` answers, as its documents have them."""
    values: list[type[Any]] = [
        value
        for name, value in sorted(vars(browse).items())
        if inspect.isclass(value)
        and is_dataclass(value)
        and name in browse.__all__
        and value is not browse.Page
    ]
    rows = []
    for value in values:
        names = " ".join(f"`{each.name}`" for each in fields(value) if each.name != "entry")
        meaning = (inspect.getdoc(value) or "").split("\n\n")[0].replace("\n", " ")
        whole = "the entry's, " if any(each.name == "entry" for each in fields(value)) else ""
        rows.append(f"| `{value.__name__}` | {meaning} | {whole}{names} |")
    return _table("value | what it is | fields", rows)


def rooms() -> str:
    """List the rooms from the import contract, the highest first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return "```text\n" + "\n".join(layers) + "\n```\n"


def metrics() -> str:
    """List what is measured."""
    rows = [
        f"| `{metric.name}` | {metric.kind}, {metric.unit} | {metric.description} |"
        for metric in (*WRITE_METRICS, *IMPORT_METRICS)
    ]
    return _table("metric | kind, unit | meaning", rows)


def statements() -> str:
    """Show what one recording sends to SQLite."""
    return f"```sql\n{statements_of_a_recording()}\n```\n"


PARTS: Final[dict[str, Callable[[], str]]] = {
    "settings": settings_table,
    "tables": schema_tables,
    "errors": error_tree,
    "documents": documents,
    "rooms": rooms,
    "metrics": metrics,
    "statements": statements,
    "way": files_on_the_way,
}


def renewed(page: Path) -> str:
    """Return the page's text with all of its generated parts as they should be."""

    def part(found: re.Match[str]) -> str:
        return f"{found['open']}\n{PARTS[found['name']]()}\n{found['close']}"

    return MARKED.sub(part, page.read_text(encoding="utf-8"))


def main() -> None:
    """Write all generated parts."""
    for page in PAGES:
        text = renewed(page)
        if text != page.read_text(encoding="utf-8"):
            page.write_text(text, encoding="utf-8")
    for picture, draw in PICTURES.items():
        picture.write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
