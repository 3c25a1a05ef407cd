"""Defines generated functions, in a way that lets a debugger step into them.

They run for every row of an import, where a loop over the columns would take three times as long.
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
    """Compile `source`, and return its function `name`; `names` are the globals that it uses.

    `source` must contain only our own names and numbers, never a caller's values.
    """
    file = f"<wkmp_orm {name} {next(_numbers)}>"
    # With None as its time, `linecache` keeps the entry although there is no such file.
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    scope = dict(names)
    exec(compile(source, file, "exec"), scope)  # noqa: S102  the source is ours
    function: Callable[..., Any] = scope[name]
    return function


@lru_cache(maxsize=256, typed=True)
def converted(process: Process, value: Any) -> Any:
    """Convert a value that many rows share: a default, or the time of a flush."""
    return process(value)
