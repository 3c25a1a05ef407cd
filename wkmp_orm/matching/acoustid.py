"""The client of AcoustID, which returns the recordings of a fingerprint."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from wkmp_orm.errors import ConfigurationError
from wkmp_orm.matching.answers import AcoustidMatch, CreditedArtist
from wkmp_orm.matching.client import ServiceClient
from wkmp_orm.matching.documents import mbid_in, number_in, object_in, objects_in, text_in
from wkmp_orm.matching.exchange import RequestFailedError
from wkmp_orm.matching.web_service import (
    USUAL_TIMEOUT_S,
    Reply,
    Request,
    ServiceRefusedError,
    WebService,
)

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

logger = logging.getLogger("wkmp_orm.matching")

ACOUSTID_URL: Final = "https://api.acoustid.org/v2/"
ACOUSTID_INTERVAL_S: Final = 0.35
"""https://acoustid.org/webservice: "Do not make more than 3 requests per second". This is a 20th
slower, because two requests may arrive closer together than they were sent."""
MOST_MATCHES: Final = 50
"""The most recordings that are kept of an answer, the likeliest first."""

# The error codes of the service's source, acoustid/api/errors.py.
_BAD_QUESTION: Final = frozenset({3, 8})
_INVALID_KEY: Final = 4
_ITS_OWN_FAULT: Final = frozenset({5, 13, 14})


class AcoustidClient(ServiceClient):
    """The AcoustID client of one import. All threads share one client, and its rate limit.

    `key` is the application's key, from https://acoustid.org/new-application; no message contains
    it. `contact` is an e-mail address or a URL for questions about the requests; AcoustID does not
    require it. `timeout_s` limits a whole request, in seconds, and `stop` ends all waits. As a
    context manager the client closes its connections.

    Raises ConfigurationError for a blank key, a wrong URL or contact, and without httpx2.
    """

    def __init__(
        self,
        key: str,
        *,
        contact: str | None = None,
        url: str = ACOUSTID_URL,
        timeout_s: float = USUAL_TIMEOUT_S,
        interval_s: float = ACOUSTID_INTERVAL_S,
        stop: threading.Event | None = None,
    ) -> None:
        if not key.strip():
            raise ConfigurationError("acoustid_api_key is blank: AcoustID answers nobody without")
        self._key = key.strip()
        super().__init__(
            WebService(
                "AcoustID",
                url,
                contact=contact,
                interval_s=interval_s,
                timeout_s=timeout_s,
                stop=stop,
            )
        )

    def lookup(self, fingerprint: str, duration_s: int) -> tuple[AcoustidMatch, ...]:
        """Return the recordings that are linked to a fingerprint, the likeliest first.

        `fingerprint` is Chromaprint's compressed fingerprint as base64 text, and `duration_s` is
        the length of its sound in whole seconds. An empty result means that AcoustID does not know
        the sound. Any thread may call. Raises ServiceUnavailableError if there is no answer, or
        the service is no longer used.
        """
        form = {
            "client": self._key,
            "format": "json",
            "meta": "recordings sources",
            "duration": str(duration_s),
            "fingerprint": fingerprint,
        }
        return self._service.ask(Request("lookup", form=form), _matches)


def _matches(reply: Reply) -> tuple[AcoustidMatch, ...]:
    document = reply.document if isinstance(reply.document, dict) else {}
    status = document.get("status")
    if status == "ok" and isinstance(document.get("results"), list):
        return _ranked(_linked(document))
    if status != "error":
        raise RequestFailedError("its answer is not what AcoustID answers", again=False)
    code = number_in(object_in(document, "error"), "code")
    if code == _INVALID_KEY:
        raise ServiceRefusedError(
            "it does not know the API key (error 4): correct the setting acoustid_api_key"
        )
    if code in _BAD_QUESTION:
        # The service did not fail, and a retry would not help.
        logger.warning("AcoustID takes a fingerprint for none (error %d)", code)
        return ()
    name = "?" if code is None else f"{code:.0f}"
    raise RequestFailedError(f"it answered error {name}", again=code in _ITS_OWN_FAULT)


def _linked(document: Mapping[str, Any]) -> Iterator[AcoustidMatch]:
    for result in objects_in(document, "results"):
        score = number_in(result, "score", most=1.0)
        for recording in objects_in(result, "recordings"):
            mbid = mbid_in(recording, "id")
            if score is not None and mbid is not None:
                sources = number_in(recording, "sources", most=1e9)
                yield AcoustidMatch(
                    recording_mbid=mbid,
                    score=score,
                    title=text_in(recording, "title"),
                    artists=tuple(_artists(recording)),
                    duration_s=number_in(recording, "duration", least=0.001, most=1e6),
                    sources=None if sources is None else int(sources),
                )


def _ranked(matches: Iterable[AcoustidMatch]) -> tuple[AcoustidMatch, ...]:
    """Return each recording once with its best score, the likeliest first, ties ordered by id."""
    by_id = sorted(matches, key=lambda match: match.recording_mbid)
    best_first = sorted(by_id, key=_likelihood, reverse=True)
    once: dict[str, AcoustidMatch] = {}
    for match in best_first:
        once.setdefault(match.recording_mbid, match)
    return tuple(once.values())[:MOST_MATCHES]


def _artists(recording: Mapping[str, Any]) -> Iterator[CreditedArtist]:
    for artist in objects_in(recording, "artists"):
        if (name := text_in(artist, "name")) is not None:
            yield CreditedArtist(name, mbid_in(artist, "id"))


def _likelihood(match: AcoustidMatch) -> tuple[float, int]:
    return match.score, match.sources or 0
