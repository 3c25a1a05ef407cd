"""What an SQL statement does to which table, read from its text.

Knows as much SQL as SQLAlchemy's compilers write; must not know engines or recorders.
"""

from __future__ import annotations

import re
from functools import lru_cache

_TOKEN = re.compile(
    r"""'(?:[^']|'')*' | --[^\n]* | /\*.*?\*/ | "(?:[^"]|"")+" | [^\W\d]\w* | [().,]""",
    re.VERBOSE | re.DOTALL,
)
_TABLE_COMES_AFTER = {
    "INSERT": "INTO",
    "REPLACE": "INTO",
    "MERGE": "INTO",
    "DELETE": "FROM",
    "SELECT": "FROM",
    "CREATE": "TABLE",
    "ALTER": "TABLE",
    "DROP": "TABLE",
    "UPDATE": "UPDATE",
    "COPY": "COPY",
    "TRUNCATE": "TRUNCATE",
}
_BEFORE_A_TABLE = frozenset(
    {"OR", "REPLACE", "IGNORE", "ABORT", "FAIL", "ROLLBACK", "ONLY", "TABLE", "IF", "NOT", "EXISTS"}
)


@lru_cache(maxsize=1024)
def parse(statement: str) -> tuple[str, str, int]:
    """Return the verb, the table and the number of rows in VALUES of an SQL statement.

    Enough of SQL for what SQLAlchemy compiles: quoted names, schemas, WITH, ON CONFLICT.
    """
    tokens = [t for t in _TOKEN.findall(statement) if not t.startswith(("'", "--", "/*"))]
    words = [token.upper() for token in tokens]
    at = _verb(words)
    if at is None:
        return "", "", 1
    verb = words[at]
    name = _after(words, at, _TABLE_COMES_AFTER.get(verb, ""))
    while name is not None and words[name : name + 1] and words[name] in _BEFORE_A_TABLE:
        name += 1
    while name is not None and words[name + 1 : name + 2] == ["."]:
        name += 2
    table = "" if name is None else "".join(tokens[name : name + 1]).strip('"(')
    return verb, table, _rows(words, at) if verb == "INSERT" else 1


def _verb(words: list[str]) -> int | None:
    for at, word in enumerate(words):
        if words[0] != "WITH":
            if word != "(":
                return at
        # A common table expression or, after the last of them, the statement itself.
        elif word in ("INSERT", "UPDATE", "DELETE") and words[at - 1] in ("(", ")"):
            return at
    return _after(words, 0, "SELECT", offset=0)


def _after(words: list[str], start: int, anchor: str, offset: int = 1) -> int | None:
    """Return the place behind `anchor`, which must stand outside the parentheses after `start`."""
    depth = 0
    for at in range(start, len(words)):
        depth += (words[at] == "(") - (words[at] == ")")
        if words[at] == anchor and depth == 0 and words[at - 1] != "DISTINCT":
            return at + offset
    return None


def _rows(words: list[str], start: int) -> int:
    rows = depth = 0
    if "VALUES" in words[start:]:
        for word in words[words.index("VALUES", start) + 1 :]:
            if depth == 0 and word not in ("(", ","):
                break
            rows += word == "(" and depth == 0
            depth += (word == "(") - (word == ")")
    return max(rows, 1)
