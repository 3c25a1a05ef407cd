"""The order of a history's revisions, as its scripts say it in two lines each.

Every opening of a database asks which revision is the newest. Alembic would run all scripts to
answer, and to import it takes a quarter of the time that it takes to import all of this package.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_SAID: Final = re.compile(
    r"""^(?P<name>down_revision|revision) (?:\s*:[^=\n]+)? \s*=\s*"""
    r"""(?: None | "(?P<one>\w+)" | '(?P<other>\w+)' ) \s*(?:\#.*)?$""",
    re.MULTILINE | re.VERBOSE,
)
_IS_SCRIPT: Final = re.compile(r"(?!\.#|__init__).*\.py")
"""Which files of a folder alembic takes for scripts."""


def revisions_in_line(versions: Path) -> tuple[str, ...] | None:
    """Return the revisions of a folder of scripts, the newest first, if each follows one other.

    Returns None when there are branches, a script that says it in another way, or no folder:
    alembic knows what becomes of those, and what to say of those that are wrong.
    """
    if not versions.is_dir():
        return None
    follower: dict[str | None, str] = {}
    scripts = [each for each in versions.iterdir() if _IS_SCRIPT.fullmatch(each.name)]
    for script in scripts:
        said = _said(script)
        if said is None:
            return None
        revision, former = said
        follower[former] = revision
    line: list[str] = []
    last: str | None = None
    while last in follower:
        last = follower.pop(last)
        line.append(last)
    return tuple(reversed(line)) if len(line) == len(scripts) else None


def _said(script: Path) -> tuple[str, str | None] | None:
    """Return a script's revision and the one that it follows, where it says each plainly, once."""
    found = list(_SAID.finditer(script.read_text("utf-8", errors="replace")))
    said = {each["name"]: each["one"] or each["other"] for each in found}
    revision = said.get("revision")
    if len(found) != 2 or revision is None or "down_revision" not in said:
        return None
    return revision, said["down_revision"]
