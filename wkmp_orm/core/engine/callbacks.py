"""Functions that callers give us to call: that they do what they seem to when they are called."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, TypeVar

from wkmp_orm.core.errors import ConfigurationError

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

T = TypeVar("T")


def refuse_coroutine_function(function: Callable[..., object], name: str) -> None:
    """Raise ConfigurationError for a function whose call only makes a coroutine.

    Nobody would await it: it is called in whichever thread commits, and there is no loop in most.
    """
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  an object's own, which may be `async def`
    ):
        msg = (
            f"{name} takes a plain function: {function!r} is a coroutine function, which would"
            " never run. Give one that starts it, e.g. with loop.call_soon_threadsafe"
        )
        raise ConfigurationError(msg)


def tell(listener: Callable[[T], object], news: T, *, caller: str, logger: logging.Logger) -> None:
    """Call a listener after a commit; what goes wrong in it is logged and changes nothing."""
    try:
        answer = listener(news)
    except Exception:
        logger.exception("%s: an after-commit listener failed", caller)
        return
    if inspect.iscoroutine(answer):
        answer.close()
        logger.error(
            "%s: an after-commit listener answered with a coroutine, which nobody runs: %r",
            caller,
            listener,
        )
