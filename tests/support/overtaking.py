"""A lost race on order: what a flush has read grows stale before it begins.

Knows where a flush ends its reading; must not know what it reads.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wkmp_orm.core import Database
    from wkmp_orm.core.engine.driver_cursor import DriverCursor


@contextmanager
def overtaken(library: Database, overtake: Callable[[], object]) -> Iterator[None]:
    """Let another worker commit something between the next flush's prefetch and its BEGIN.

    A flush that finds nothing to write does not begin; then it happens when the block ends.
    """
    transaction = library._writer.transaction
    waiting = [overtake]

    @contextmanager
    def late(*arguments: Any, **options: Any) -> Iterator[DriverCursor]:
        if waiting:
            waiting.pop()()
        with transaction(*arguments, **options) as cursor:
            yield cursor

    library._writer.transaction = late  # type: ignore[method-assign]
    try:
        yield
    finally:
        library._writer.transaction = transaction  # type: ignore[method-assign]
    if waiting:
        overtake()
