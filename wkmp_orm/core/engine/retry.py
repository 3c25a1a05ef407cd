"""The only retry loops around the database. They always repeat a whole transaction.

`retry`, `retrying` and `retry_on_lock` decide by the codes of the driver's errors and a deadline.
`retry_after` decides by our own errors and a number of attempts.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final, TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    before_sleep_log,
    retry_if_exception,
    retry_if_exception_type,
    stop_after_attempt,
)
from tenacity.wait import wait_random, wait_random_exponential

from wkmp_orm.core.engine.callbacks import refuse_coroutine_function
from wkmp_orm.core.engine.faults import (
    REFUSED,
    RETRYABLE,
    Fault,
    code_of,
    driver_error,
    fault_of,
)
from wkmp_orm.core.engine.outage import ServerWait, present_wait
from wkmp_orm.core.errors import LockTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wkmp_orm.core.engine.target import Dialect

logger = logging.getLogger("wkmp_orm.retry")

T = TypeVar("T")

DEFAULT_MAX_WAIT_MS: Final = 5_000

# The holder of the ticket meets SQLite's lock only if a program without tickets holds it, and
# busy_timeout has already waited for that. Backing off would only disadvantage the oldest waiter:
# with exponential backoff, 8 processes got between 1 and 1,353 turns.
_FLAT: Final = wait_random(0.001, 0.010)
_EXPONENTIAL: Final = wait_random_exponential(multiplier=0.010, max=1.0)

AFTER_OUTAGE_S: Final = 90.0
"""How long to wait for locks after an outage. The server may still hold the locks of our lost
session, whose transaction it ends after an idle minute."""

WARN_AFTER_MS: Final = 2_000
ERROR_AFTER_MS: Final = 5_000


def retry(
    operation: Callable[[], T],
    name: str,
    *,
    deadline: float,
    dialect: Dialect = "postgresql",
    also: Callable[[BaseException], bool] = lambda _error: False,
) -> T:
    """Call an operation, repeat it by the rules of `retrying` if it fails, and return its result.

    The loop is built only after a failure, which saves the usual call 12 us.
    """
    try:
        return operation()
    except Exception as error:  # noqa: BLE001  the loop raises it again or retries
        failed: list[Exception] = [error]

    loop = retrying(name, deadline=deadline, dialect=dialect, also=also)
    result = loop(_failed_first(failed, operation))
    if (patience := present_wait()) is not None:
        patience.is_back()
    return result


def retrying(
    name: str,
    *,
    deadline: float,
    dialect: Dialect = "postgresql",
    faults: frozenset[Fault] = RETRYABLE,
    also: Callable[[BaseException], bool] = lambda _error: False,
    log_level: int = logging.WARNING,
) -> Retrying:
    """Return a new retry loop that ends at `deadline` (of `time.monotonic`).

    It repeats after the given kinds of fault, and after errors for which `also` returns true. The
    last error is raised unchanged. Faults are logged at `log_level`, and other errors at DEBUG.
    Inside `waiting_for_server` it repeats after lost connections for longer.
    """
    usual = _FLAT if dialect == "sqlite" else _EXPONENTIAL
    patience = _Patience(deadline, present_wait())

    def log(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        is_fault = error is not None and fault_of(error) is not Fault.OTHER
        logger.log(
            log_level if is_fault and not patience.tells(state) else logging.DEBUG,
            "%s: attempt %d failed (%s), again in %.0f ms",
            name,
            state.attempt_number,
            code_of(error) or type(error).__name__ if error else "?",
            state.upcoming_sleep * 1000,
            extra={"operation": name, "attempt": state.attempt_number},
        )

    return Retrying(
        retry=retry_if_exception(lambda error: fault_of(error) in faults or also(error)),
        wait=lambda state: patience.pause(state, usual(state)),
        stop=patience.is_over,
        sleep=patience.sleep,
        before_sleep=log,
        reraise=True,
    )


class _Patience:
    """Ends one loop at its deadline, or later while `waiting_for_server` waits for the server."""

    def __init__(self, deadline: float, wait: ServerWait | None) -> None:
        self._deadline = deadline
        self._wait = wait
        self._was_away = False
        self.sleep = time.sleep if wait is None else wait.sleep

    def is_over(self, state: RetryCallState) -> bool:
        lost = _lost(state)
        if self._wait is not None and lost is not None:
            self._was_away = True
            return not self._wait.goes_on(str(driver_error(lost)).strip().partition("\n")[0])
        if self._wait is not None:
            self._wait.is_back()
        if self._was_away:
            self._was_away = False
            self._deadline = max(self._deadline, time.monotonic() + AFTER_OUTAGE_S)
        return time.monotonic() >= self._deadline

    def pause(self, state: RetryCallState, usual: float) -> float:
        if self._wait is not None and self.tells(state):
            return self._wait.pause(state.attempt_number)
        return max(0.0, min(usual, self._deadline - time.monotonic()))

    def tells(self, state: RetryCallState) -> bool:
        """Return whether `ServerWait` reports the last error, so that the loop need not."""
        return self._wait is not None and _lost(state) is not None


def _lost(state: RetryCallState) -> BaseException | None:
    """Return the error of the last attempt if it was a lost connection."""
    error = state.outcome.exception() if state.outcome else None
    return error if error is not None and fault_of(error) is Fault.DISCONNECTED else None


def retry_after(
    errors: type[Exception] | tuple[type[Exception], ...],
    operation: Callable[[], T],
    *,
    attempts: int,
    log_level: int = logging.DEBUG,
) -> T:
    """Call an operation at most `attempts` times; repeat without a pause after the given errors.

    The last error is raised unchanged. Any thread may call.
    """
    try:
        return operation()
    except errors as error:
        failed: list[Exception] = [error]

    loop = Retrying(
        retry=retry_if_exception_type(errors),
        stop=stop_after_attempt(attempts),
        before_sleep=before_sleep_log(logger, log_level),
        reraise=True,
    )
    return loop(_failed_first(failed, operation))


def _failed_first(failed: list[Exception], operation: Callable[[], T]) -> Callable[[], T]:
    """Return a function that first raises the error of the first call, then calls again."""

    def again() -> T:
        if failed:
            raise failed.pop()
        return operation()

    return again


def retry_on_lock(
    operation_name: str, operation: Callable[[], T], *, max_wait_ms: int = DEFAULT_MAX_WAIT_MS
) -> T:
    """Call `operation` and repeat it while the database is locked, for at most `max_wait_ms` ms.

    Use it for code that does not use units of work yet. `operation` must begin, commit and roll
    back its own transaction, because each attempt repeats all of it. It is repeated after a lock, a
    deadlock and a serialization failure: then nothing was committed. It is not repeated after a
    lost connection: its COMMIT may have taken effect.

    Any thread may call. Raises LockTimeoutError when the time is up, and ConfigurationError for a
    coroutine function; every other error is raised unchanged.
    """
    refuse_coroutine_function(operation, "retry_on_lock")
    started = time.monotonic()
    deadline = started + max_wait_ms / 1000
    loop = retrying(operation_name, deadline=deadline, faults=REFUSED)
    try:
        result = loop(operation)
    except Exception as error:
        if fault_of(error) is not Fault.LOCKED:
            raise
        waited = (time.monotonic() - started) * 1000
        msg = (
            f"{operation_name}: the database stayed locked for {waited:.0f} ms"
            f" ({loop.statistics.get('attempt_number', 1)} attempts); find who holds it, or raise"
            " ai_database_max_lock_wait_ms"
        )
        logger.exception(msg)
        raise LockTimeoutError(msg, waited_ms=waited) from error
    _log_success(operation_name, loop, (time.monotonic() - started) * 1000)
    return result


def _log_success(name: str, loop: Retrying, elapsed_ms: float) -> None:
    attempts = loop.statistics.get("attempt_number", 1)
    if attempts == 1:
        return
    slow = logging.WARNING if elapsed_ms > WARN_AFTER_MS else logging.DEBUG
    level = logging.ERROR if elapsed_ms > ERROR_AFTER_MS else slow
    logger.log(level, "%s: done after %d attempts, %.0f ms", name, attempts, elapsed_ms)
