"""Reads the definitions of SQLite tables, part by part, for comparison.

It parses the stored CREATE statements, because no PRAGMA shows CHECKs and partial indexes.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from wkmp_orm.core.schema.state import Ask

_TOKEN: Final = re.compile(
    r"""(?P<skip> \s+ | --[^\n]* | /\*.*?\*/)
    | (?P<text> '(?:[^']|'')*')
    | (?P<quoted> "(?:[^"]|"")*" | `[^`]*` | \[[^\]]*\])
    | (?P<word> \d[\w.]* | \w+ | [<>=!|]+ | .)""",
    re.VERBOSE | re.DOTALL,
)
_UNNAMED: Final = frozenset({"primary", "unique", "check", "foreign"})

Tokens = list[str]


def describe_sqlite(ask: Ask, tables: AbstractSet[str]) -> dict[tuple[str, str], str]:
    """Return the definition of each part of the tables, by table and part.

    Definitions are normalized SQL: quotes, line breaks, capitals, parentheses around a default, and
    IN lists make no difference. So a table that SQLite or alembic has rewritten compares equal.
    """
    parts: dict[tuple[str, str], str] = {}
    rows = ask("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    for kind, name, owner, sql in rows:
        table = owner.lower()
        if table not in tables:
            continue
        tokens = _tokens(sql)
        if kind == "index":
            unique = "unique index" if tokens[1] == "unique" else "index"
            parts[table, f"{unique} {name.lower()}"] = _spelled(tokens[tokens.index("on") :])
        elif kind == "table":
            parts |= {(table, part): text for part, text in _parts_of_table(tokens)}
    return parts


def column_definitions(sql: str) -> dict[str, str]:
    """Return each column of a CREATE TABLE as it is written, by its name in lower case."""
    found = [each for each in _TOKEN.finditer(sql) if not each["skip"]]
    opening = next((at for at, each in enumerate(found) if each[0] == "("), len(found))
    depth, first = 1, opening + 1
    definitions: dict[str, str] = {}
    for at, each in enumerate(found[opening + 1 :], opening + 1):
        depth += {"(": 1, ")": -1}.get(each[0], 0)
        if (depth, each[0]) == (1, ",") or depth == 0:
            name = (_tokens(found[first][0]) or [""])[0]
            written = sql[found[first].start() : found[at - 1].end()]
            if found[first]["quoted"] or name not in {"constraint", *_UNNAMED}:
                definitions.setdefault(name, written)
            first = at + 1
        if depth == 0:
            break
    return definitions


def _tokens(sql: str) -> Tokens:
    tokens = []
    for found in _TOKEN.finditer(sql):
        if found["quoted"]:
            tokens.append(found["quoted"][1:-1].lower())
        elif found["text"]:
            tokens.append(found["text"])
        elif found["word"]:
            tokens.append(found["word"].lower())
    return tokens


def _parts_of_table(tokens: Tokens) -> Iterator[tuple[str, str]]:
    first = tokens.index("(") + 1
    part: Tokens = []
    depth = 1
    for position, token in enumerate(tokens[first:], first):
        depth += {"(": 1, ")": -1}.get(token, 0)
        if depth == 0:
            yield _named(part)
            yield "options", _spelled(tokens[position + 1 :])
            return
        if (depth, token) == (1, ","):
            yield _named(part)
            part = []
        else:
            part.append(token)


def _named(part: Tokens) -> tuple[str, str]:
    if part[0] == "constraint":
        return f"constraint {part[1]}", _spelled(_without_in(part[2:]))
    if part[0] in _UNNAMED:
        return f"constraint {_spelled(part)}", ""
    return f"column {part[0]}", _spelled(_without_parentheses(part[1:]))


def _without_in(part: Tokens) -> Tokens:
    """Rewrite a CHECK with an IN list to OR: newer schemas use OR because IN is slow."""
    if part[:2] != ["check", "("] or part[3:5] != ["in", "("] or part[-2:] != [")", ")"]:
        return part
    column, words = part[2], part[5:-2]
    if not all(each == "," for each in words[1::2]) or "," in words[::2]:
        return part
    spelled = [token for word in words[::2] for token in ("or", column, "=", word)]
    return ["check", "(", *spelled[1:], ")"]


def _without_parentheses(part: Tokens) -> Tokens:
    for at in range(len(part) - 3):
        if part[at : at + 2] == ["default", "("] and part[at + 3] == ")":
            return [*part[: at + 1], part[at + 2], *part[at + 4 :]]
    return part


def _spelled(tokens: Tokens) -> str:
    words: list[str] = []
    for before, token in pairwise(["(", *tokens]):
        words += [token] if before == "(" or token in {")", ","} else [" ", token]
    return "".join(words)
