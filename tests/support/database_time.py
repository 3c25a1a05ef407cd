"""How long all threads of a process are busy with the database, or wait for it.

Knows the library's two ways to its database; must not know who goes them.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from wkmp_orm import Library

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def database_time() -> Iterator[Callable[[], float]]:
    """Give the time that all threads have spent in the database inside a `with` block."""
    spent = [0.0]
    lock = threading.Lock()

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def timing(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                with lock:
                    spent[0] += time.perf_counter() - began

        return timing

    flush, reader = Library.flush, Library.reader

    @contextmanager
    def timed_reader(library: Library) -> Iterator[Any]:
        began = time.perf_counter()
        with reader(library) as session:
            yield session
        with lock:
            spent[0] += time.perf_counter() - began

    base: Any = Library.__mro__[1]
    base.flush, base.reader = timed(flush), timed_reader
    try:
        yield lambda: spent[0]
    finally:
        base.flush, base.reader = flush, reader
