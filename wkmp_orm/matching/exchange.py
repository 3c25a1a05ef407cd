"""One request to a web service and its reply, in a thread that can be left behind.

httpx2 need not be installed.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, NamedTuple

try:
    import httpx2
except ModuleNotFoundError:  # without the `online` extra: said when a service is to be asked
    httpx2 = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["UNPACKED", "Exchange", "Outcome", "RequestFailedError", "httpx2"]

LARGEST_REPLY_BYTES: Final = 4 * 1024 * 1024
"""A popular fingerprint's answer has some 100 kB. The head of a reply is bounded by httpx2, at
100 KiB."""
MOST_REDIRECTS: Final = 3
UNPACKED: Final = "identity"
"""The one content coding that is asked for and taken."""


class RequestFailedError(Exception):
    """A request got no answer, or one that cannot be meant; `again`: another attempt may help."""

    def __init__(self, reason: str, *, again: bool = True) -> None:
        super().__init__(reason)
        self.again = again


class Outcome(NamedTuple):
    """A whole reply."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Exchange:
    """Sends a request at once; `done` is set when there is an outcome.

    Redirects are followed only when told so, and only on the host that was asked: to https, or
    without a change of scheme and port.

    The thread is a daemon: one that is left behind ends with its connection's timeouts and keeps
    no program from ending.
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
        """Say that nobody waits any more."""
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
            # Raised again in the thread that waits, whatever a stranger's bytes made it be.
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
        """Read it as it comes, undecoded: 4 KB of twice packed zeros are 12 GB in memory."""
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
    """Say whether a redirect stays on its host and does not leave https."""
    if onward.host != asked.host or onward.userinfo:
        return False
    return onward.scheme == "https" or (onward.scheme, onward.port) == (asked.scheme, asked.port)
