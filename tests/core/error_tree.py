"""Reads the trees of errors that are drawn in docstrings, and draws them."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

ROOT: Final = "WkmpOrmError"

Tree = dict[str, tuple[str, str]]
"""What stands in a drawing of each error: the error above it, and its sentence."""

_LINE: Final = re.compile(r"(?P<indent>[│ ]*)[├└]── (?P<name>\w+) *(?P<sentence>.*)")
_STEP: Final = 4


def drawn(module: ModuleType) -> Tree:
    """Read the drawing of a module, in its order."""
    tree: Tree = {}
    above: list[str] = [ROOT]
    for line in (inspect.getdoc(module) or "").splitlines():
        found = _LINE.fullmatch(line.removeprefix("    "))
        if found is not None:
            depth = len(found["indent"]) // _STEP
            above[depth + 1 :] = [found["name"]]
            tree[found["name"]] = above[depth], found["sentence"]
    return tree


def defined(module: ModuleType, *, abstract: frozenset[str]) -> dict[str, str]:
    """Return the errors that a module defines, each with the one above that is not abstract."""
    found = {}
    for name, value in vars(module).items():
        if not (inspect.isclass(value) and issubclass(value, Exception)):
            continue
        if value.__module__ == module.__name__ and name not in abstract | {ROOT}:
            above = (each.__name__ for each in value.__mro__[1:])
            found[name] = next(each for each in above if each not in abstract)
    return found


def draw(tree: Tree) -> str:
    """Draw a tree from its root."""
    return "\n".join([ROOT, *_branches(tree, ROOT, "")]) + "\n"


def _branches(tree: Mapping[str, tuple[str, str]], above: str, indent: str) -> list[str]:
    names = [name for name, (parent, _) in tree.items() if parent == above]
    lines = []
    for name in names:
        is_last = name == names[-1]
        branch = f"{indent}{'└' if is_last else '├'}── {name}"
        lines.append(f"{branch:33} {tree[name][1]}")
        lines += _branches(tree, name, indent + ("    " if is_last else "│   "))
    return lines
