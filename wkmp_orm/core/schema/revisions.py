"""Reads the order of a history's revisions from the scripts' text, without alembic.

Every opening of a database needs the newest revision. Alembic would run all scripts to find it, and
importing alembic takes a quarter of the time of importing this package.
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
"""Matches the files of a folder that alembic takes for scripts."""


def revisions_in_line(versions: Path) -> tuple[str, ...] | None:
    """Return the revisions of a folder of scripts, the newest first, if they form one line.

    Returns None if there are branches, a script that declares its revision in another way, or no
    folder: alembic must then decide, and report errors.
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
    """Return a script's revision and the one before it; None unless each is declared plainly."""
    found = list(_SAID.finditer(script.read_text("utf-8", errors="replace")))
    said = {each["name"]: each["one"] or each["other"] for each in found}
    revision = said.get("revision")
    if len(found) != 2 or revision is None or "down_revision" not in said:
        return None
    return revision, said["down_revision"]
