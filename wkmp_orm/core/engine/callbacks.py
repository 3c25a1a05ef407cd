"""Checks and calls the functions that callers register: listeners and retried operations."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, TypeVar

from wkmp_orm.core.errors import ConfigurationError

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

T = TypeVar("T")


def refuse_coroutine_function(function: Callable[..., object], name: str) -> None:
    """Raise ConfigurationError for a coroutine function; `name` is the parameter's name.

    Nothing would await the coroutine: the thread that commits makes the call, and most such threads
    have no event loop.
    """
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  a callable object's method may be `async def`
    ):
        msg = (
            f"{name} takes a plain function: {function!r} is a coroutine function, which would"
            " never run. Give one that starts it, e.g. with loop.call_soon_threadsafe"
        )
        raise ConfigurationError(msg)


def tell(listener: Callable[[T], object], news: T, *, caller: str, logger: logging.Logger) -> None:
    """Call a listener after a commit; log what it raises, and change nothing."""
    try:
        answer = listener(news)
    except Exception:
        logger.exception("%s: an after-commit listener failed", caller)
        return
    if inspect.iscoroutine(answer):
        answer.close()
        logger.error(
            "%s: an after-commit listener returned a coroutine, which nothing awaits: %r",
            caller,
            listener,
        )
