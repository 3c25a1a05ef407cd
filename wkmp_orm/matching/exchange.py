"""Sends one request to a web service in a separate thread, which can be abandoned.

This module can be imported without httpx2.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, NamedTuple

try:
    import httpx2
except ModuleNotFoundError:  # without the `online` extra; creating a client raises an error
    httpx2 = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["UNPACKED", "Exchange", "Outcome", "RequestFailedError", "httpx2"]

LARGEST_REPLY_BYTES: Final = 4 * 1024 * 1024
"""The answer for a popular fingerprint has some 100 kB. httpx2 limits the headers of a reply to
100 KiB."""
MOST_REDIRECTS: Final = 3
UNPACKED: Final = "identity"
"""The only content coding that is requested and accepted."""


class RequestFailedError(Exception):
    """A request got no answer or an invalid one; `again` is true if a retry may help."""

    def __init__(self, reason: str, *, again: bool = True) -> None:
        super().__init__(reason)
        self.again = again


class Outcome(NamedTuple):
    """A complete reply."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Exchange:
    """Sends a request in a new thread; `done` is set when there is an outcome.

    Redirects are followed only if `follow_redirects` is true, and only on the same host: to https,
    or without a change of scheme and port.
    The thread is a daemon: an abandoned one ends with its connection's timeouts, and does not keep
    the program from ending.
    """

    def __init__(
        self, client: httpx2.Client, request: httpx2.Request, *, follow_redirects: bool
    ) -> None:
        self.done = threading.Event()
        self._client = client
        self._request = request
        self._follow_redirects = follow_redirects
        self._abandoned = False
        self._outcome: Outcome | None = None
        self._failure: Exception | None = None
        name = f"wkmp_orm: {request.url.host}"
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def abandon(self) -> None:
        """Abandon the request: nothing waits for its outcome any more."""
        self._abandoned = True

    def outcome(self) -> Outcome:
        """Return the reply once it is done. Raises RequestFailedError."""
        if self._outcome is not None:
            return self._outcome
        error = self._failure
        if isinstance(error, RequestFailedError):
            raise error
        if isinstance(error, httpx2.TimeoutException):
            raise RequestFailedError("no answer in time") from error
        details = f"{type(error).__name__}: {str(error)[:200]!a}"
        again = isinstance(error, httpx2.TransportError)
        raise RequestFailedError(f"the connection failed ({details})", again=again) from error

    def _run(self) -> None:
        try:
            self._outcome = self._exchanged()
        except Exception as error:  # noqa: BLE001
            # The waiting thread raises it again. Untrusted bytes may cause any exception.
            self._failure = error
        finally:
            self.done.set()

    def _exchanged(self) -> Outcome:
        request = self._request
        for _ in range(MOST_REDIRECTS + 1):
            response = self._client.send(request, stream=True, follow_redirects=False)
            try:
                onward = response.next_request if self._follow_redirects else None
                if onward is None:
                    return Outcome(response.status_code, response.headers, self._body(response))
                if not _is_same_service(request.url, onward.url):
                    raise RequestFailedError("it has moved elsewhere: correct its URL", again=False)
                request = onward
            finally:
                response.close()
        raise RequestFailedError("it redirects without an end", again=False)

    def _body(self, response: httpx2.Response) -> bytes:
        """Read the body without decompressing: 4 KB of twice compressed zeros become 12 GB."""
        encoding = response.headers.get("content-encoding", UNPACKED)
        if encoding.strip().lower() != UNPACKED:
            raise RequestFailedError("its answer is packed, which was not asked for", again=False)
        body = bytearray()
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > LARGEST_REPLY_BYTES:
                raise RequestFailedError(
                    f"its answer is larger than {LARGEST_REPLY_BYTES} bytes", again=False
                )
            if self._abandoned:
                raise RequestFailedError("abandoned")
        return bytes(body)


def _is_same_service(asked: httpx2.URL, onward: httpx2.URL) -> bool:
    """Return whether a redirect stays on its host and does not leave https."""
    if onward.host != asked.host or onward.userinfo:
        return False
    return onward.scheme == "https" or (onward.scheme, onward.port) == (asked.scheme, asked.port)
