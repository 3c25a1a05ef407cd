"""Access to one web service, with a rate limit, timeouts, retries and a circuit breaker."""

from __future__ import annotations

import json
import logging
import threading
import time
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn, TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from wkmp_orm.core.remedies import install
from wkmp_orm.errors import ConfigurationError, ServiceUnavailableError
from wkmp_orm.matching.exchange import UNPACKED, Exchange, RequestFailedError, httpx2
from wkmp_orm.matching.politeness import FAILURES_IN_A_ROW, CircuitBreaker, RateLimiter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

logger = logging.getLogger("wkmp_orm.matching")

T = TypeVar("T")

USUAL_TIMEOUT_S: Final = 10.0
"""Both services usually answer in well under a second."""
ATTEMPTS: Final = 3
LONGEST_RETRY_AFTER_S: Final = 30.0
"""If Retry-After is longer than this, the service is no longer used: a worker is waiting."""

_CONNECT_TIMEOUT_S: Final = 5.0
_LOOKED_UP_EVERY_S: Final = 0.05
_PAUSE: Final = wait_random_exponential(multiplier=0.5, max=4.0)
_BUSY: Final = frozenset({429, 500, 502, 503, 504})
_REFUSED: Final = frozenset({401, 403})


class Request(NamedTuple):
    """A request: a path below the service's URL, with a query or a form."""

    path: str
    query: Mapping[str, str] | None = None
    form: Mapping[str, str] | None = None


class Reply(NamedTuple):
    """A reply: the status (200 to 299, or 400 and above) and the JSON document."""

    status: int
    document: Any


class ServiceRefusedError(Exception):
    """The service refuses all requests. The message says what to do."""


class WebService:
    """One web service. All threads of an import share its rate limit and its count of failures.

    A call sends one request, and up to two more if a retry may help: after 429, 500, 502, 503, 504
    and a failed connection. `Retry-After` applies to all threads. A request takes at most
    `timeout_s` seconds from name resolution to the last byte, and at most 5 s of that for
    connecting. After five failures in a row, a refusal (401, 403, or as `understand` decides) or a
    Retry-After of more than 30 s, the service is not used for the rest of the import, and one
    warning says so. `stop` ends every wait within 50 ms.

    A reply must be uncompressed and have at most 4 MiB. Use `follow_redirects` only for services
    that get no secrets; redirects stay on the same host. Raises ConfigurationError if the URL is
    invalid or httpx2 is not installed.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        contact: str | None,
        interval_s: float,
        timeout_s: float = USUAL_TIMEOUT_S,
        stop: threading.Event | None = None,
        follow_redirects: bool = False,
    ) -> None:
        if httpx2 is None:
            raise ConfigurationError(
                f"{name} cannot be asked: httpx2 is not installed", install("online")
            )
        self.name = name
        self._stop = stop or threading.Event()
        self._timeout_s = timeout_s
        self._limiter = RateLimiter(interval_s)
        self._breaker = CircuitBreaker()
        self._client = httpx2.Client(
            base_url=_checked(name, url),
            headers={
                "User-Agent": user_agent(contact),
                "Accept": "application/json",
                "Accept-Encoding": UNPACKED,
            },
            timeout=httpx2.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_TIMEOUT_S)),
        )
        self._follow_redirects = follow_redirects

    @property
    def is_left_alone(self) -> bool:
        """Whether it is no longer used: every request would raise without being sent."""
        return self._breaker.is_open

    def ask(self, request: Request, understand: Callable[[Reply], T]) -> T:
        """Send a request, and return what `understand` returns for the reply.

        `understand` may raise RequestFailedError for an invalid reply, and ServiceRefusedError. Any
        thread may call. Raises only ServiceUnavailableError: if there is no answer, the service is
        no longer used, or the import is stopped.
        """
        loop = Retrying(
            retry=retry_if_exception(self._may_help),
            stop=stop_after_attempt(ATTEMPTS),
            wait=_PAUSE,
            sleep=self._wait,
            reraise=True,
        )
        try:
            answer: T = loop(self._attempt, request, understand)
        except RequestFailedError as error:
            logger.debug("%s did not answer: %s", self.name, error)
            raise ServiceUnavailableError(self.name, str(error)) from error
        return answer

    def close(self) -> None:
        """Close the connections. Call it after the last request of all threads."""
        self._client.close()

    def _attempt(self, request: Request, understand: Callable[[Reply], T]) -> T:
        self._wait_for_turn()
        try:
            answer = understand(self._reply_to(request))
        except RequestFailedError as error:
            if self._breaker.failed():
                self._say_left_alone(f"{FAILURES_IN_A_ROW} requests in a row failed, now: {error}")
            raise
        except ServiceRefusedError as error:
            if self._breaker.open():
                self._say_left_alone(str(error))
            raise ServiceUnavailableError(self.name, str(error)) from error
        self._breaker.succeeded()
        return answer

    def _may_help(self, error: BaseException) -> bool:
        return isinstance(error, RequestFailedError) and error.again and not self.is_left_alone

    def _wait_for_turn(self) -> None:
        self._check()
        turn = self._limiter.take_turn()
        self._wait(turn.in_s)
        # Meanwhile another thread may have got a Retry-After.
        while not self._limiter.is_due(turn):
            turn = self._limiter.take_turn()
            self._wait(turn.in_s)

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            # In slices: another thread may open the breaker.
            self._stop.wait(min(left, 0.5))
            self._check()

    def _check(self) -> None:
        if self._stop.is_set():
            self._give_up("the import is being stopped")
        if self.is_left_alone:
            self._give_up("it is left alone for the rest of this import")

    def _give_up(self, reason: str) -> NoReturn:
        raise ServiceUnavailableError(self.name, reason)

    def _reply_to(self, request: Request) -> Reply:
        exchange = Exchange(
            self._client,
            self._client.build_request(
                "GET" if request.form is None else "POST",
                request.path,
                params=request.query,
                data=request.form,
            ),
            follow_redirects=self._follow_redirects,
        )
        deadline = time.monotonic() + self._timeout_s
        # The exchange runs in a separate thread: nothing else can interrupt a name look-up, or a
        # reply that arrives byte by byte, when the time is up or the import is stopped.
        while not exchange.done.wait(_LOOKED_UP_EVERY_S):
            if self._stop.is_set() or time.monotonic() >= deadline:
                exchange.abandon()
                self._check()
                raise RequestFailedError(f"no answer within {self._timeout_s:g} s")
        status, headers, body = exchange.outcome()
        if status in _REFUSED:
            raise ServiceRefusedError(f"it refuses all requests (status {status})")
        if status in _BUSY:
            self._rest(headers.get("retry-after", ""))
            raise RequestFailedError(f"it is too busy to answer (status {status})")
        if 300 <= status < 400:
            raise RequestFailedError(
                f"it has moved (status {status}): correct its URL", again=False
            )
        return Reply(status, _parsed(body, headers.get("content-type", "")))

    def _rest(self, retry_after: str) -> None:
        # The value may also be a date. Both services send seconds, and for a date the usual pause
        # is enough.
        seconds = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
        if seconds > LONGEST_RETRY_AFTER_S:
            raise ServiceRefusedError(f"it wants to be left alone for {retry_after[:9]} s")
        self._limiter.postpone(seconds)

    def _say_left_alone(self, reason: str) -> None:
        logger.warning(
            "%s is left alone for the rest of this import: %s. Files go on without its answers;"
            " the next import asks again.",
            self.name,
            reason,
        )


def can_ask() -> bool:
    """Return whether the `online` extra, which clients need, is installed."""
    return httpx2 is not None


def user_agent(contact: str | None) -> str:
    """Return a User-Agent in the form that MusicBrainz requires: name, version and contact.

    `contact` is an e-mail address or a URL, or None if a service does not require it. Raises
    ConfigurationError if it is neither.

    https://musicbrainz.org/doc/MusicBrainz_API/Rate_Limiting: "Application name/<version> (
    contact-url )". All programs that do not send this are throttled together.
    """
    try:
        agent = f"wkmp_orm/{version('wkmp_orm')}"
    except PackageNotFoundError:  # run from its source
        agent = "wkmp_orm"
    if contact is None:
        return agent
    if not (contact.isascii() and contact.isprintable()) or not {"@", "/"} & {*contact}:
        raise ConfigurationError(
            f"{contact!r} is not a contact for a web service: give an e-mail address or a URL"
        )
    return f"{agent} ( {contact} )"


def is_at(url: str, known: str) -> bool:
    """Return whether a URL has the host and port of a known one, and uses https.

    httpx2 itself parses it, because another parser may see another host in the same text. False if
    httpx2 is not installed.
    """
    parts, wanted = (_parts(each) if can_ask() else None for each in (url, known))
    if parts is None or wanted is None or parts.scheme != "https" or parts.userinfo:
        return False
    return (parts.host, parts.port) == (wanted.host, wanted.port)


def _checked(name: str, url: str) -> str:
    # The message does not repeat the URL: a misspelled one may contain a password anywhere.
    parts = _parts(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.host:
        raise ConfigurationError(
            f"the URL of {name} must begin with https:// or http:// and name a host: correct it"
        )
    if parts.userinfo or parts.query or parts.fragment:
        # They would appear in logs and error messages.
        raise ConfigurationError(f"the URL of {name} may hold no password, query or fragment")
    return url if url.endswith("/") else f"{url}/"


def _parts(url: str) -> httpx2.URL | None:
    try:
        return httpx2.URL(url)
    except httpx2.InvalidURL:  # its message would repeat the URL
        return None


def _parsed(body: bytes, content_type: str) -> Any:
    try:
        return json.loads(body, parse_constant=_refuse)
    # A document may be nested too deeply for the stack, which is a RecursionError.
    except (ValueError, RecursionError) as error:
        kind = content_type.partition(";")[0].strip()[:40]
        reason = f"its answer is not JSON but {kind!a}" if "json" not in kind else "broken JSON"
        raise RequestFailedError(reason, again=False) from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
