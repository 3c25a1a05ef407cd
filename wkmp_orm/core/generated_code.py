"""Functions that the program writes itself, such that a debugger can step into them.

Both are called for every row of an import, where a loop over its columns costs three times as much.
"""

from __future__ import annotations

import itertools
import linecache
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

Process = Callable[[Any], Any]
"""Converts a value for the driver."""

_numbers: Final = itertools.count(1)


def define(name: str, source: str, names: dict[str, Any]) -> Callable[..., Any]:
    """Define a function and return it; `names` are the objects that its source mentions.

    `source` must be made of names and numbers of our own, never of a caller's values.
    """
    file = f"<wkmp_orm {name} {next(_numbers)}>"
    # None for the time: `linecache` keeps it although there is no such file.
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    scope = dict(names)
    exec(compile(source, file, "exec"), scope)  # noqa: S102  the docstring says what of
    function: Callable[..., Any] = scope[name]
    return function


@lru_cache(maxsize=256, typed=True)
def converted(process: Process, value: Any) -> Any:
    """Convert what many rows have: defaults, and the time of a flush in all its tables."""
    return process(value)
