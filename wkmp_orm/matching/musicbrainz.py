"""The client of MusicBrainz, which returns a recording's title, artists and works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wkmp_orm.matching.answers import CreditedArtist, MusicBrainzRecording, PerformedWork
from wkmp_orm.matching.client import ServiceClient
from wkmp_orm.matching.documents import (
    LONGEST_TEXT,
    cleaned_text,
    mbid_in,
    number_in,
    object_in,
    objects_in,
    text_in,
)
from wkmp_orm.matching.exchange import RequestFailedError
from wkmp_orm.matching.web_service import USUAL_TIMEOUT_S, Reply, Request, WebService

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Mapping
    from typing import Any

MUSICBRAINZ_URL: Final = "https://musicbrainz.org/ws/2/"
MUSICBRAINZ_INTERVAL_S: Final = 1.05
"""https://musicbrainz.org/doc/MusicBrainz_API/Rate_Limiting: one request per second on average from
each address; if there are more, all are declined. A private mirror has no such limit."""


class MusicBrainzClient(ServiceClient):
    """The MusicBrainz client of one import. All threads share one client, and its rate limit.

    `contact` is an e-mail address or a URL for questions about the requests; MusicBrainz requires
    it. `timeout_s` limits a whole request, in seconds, and `stop` ends all waits. As a context
    manager the client closes its connections.

    Raises ConfigurationError for a wrong URL or contact, and without httpx2.
    """

    def __init__(
        self,
        *,
        contact: str,
        url: str = MUSICBRAINZ_URL,
        timeout_s: float = USUAL_TIMEOUT_S,
        interval_s: float = MUSICBRAINZ_INTERVAL_S,
        stop: threading.Event | None = None,
    ) -> None:
        super().__init__(
            WebService(
                "MusicBrainz",
                url,
                contact=contact,
                interval_s=interval_s,
                timeout_s=timeout_s,
                stop=stop,
                follow_redirects=True,
            )
        )

    def recording(self, mbid: str) -> MusicBrainzRecording | None:
        """Return a recording; None if MusicBrainz has none with this id.

        If the recording was merged into another one, that one is returned, and its `mbid` differs
        from the requested one. Releases are not requested: a recording is on many, and only the
        file's tags show which one it came from. Any thread may call.

        Raises ServiceUnavailableError if there is no answer, or the service is no longer used, and
        ValueError if `mbid` is not a MusicBrainz id.
        """
        if mbid_in({"id": mbid}, "id") is None:
            message = f"{mbid!r} is not a MusicBrainz id"
            raise ValueError(message)
        query = {"inc": "artist-credits work-rels", "fmt": "json"}
        return self._service.ask(Request(f"recording/{mbid.lower()}", query=query), _recording)


def _recording(reply: Reply) -> MusicBrainzRecording | None:
    document = reply.document if isinstance(reply.document, dict) else {}
    # A 404 without an `error` does not come from MusicBrainz. With a wrong URL all recordings would
    # seem unknown.
    if reply.status == 404 and isinstance(document.get("error"), str):
        return None
    mbid, title = mbid_in(document, "id"), text_in(document, "title")
    if reply.status != 200 or mbid is None or title is None:
        reason = f"its answer is not what MusicBrainz answers (status {reply.status})"
        raise RequestFailedError(reason, again=False)
    length_ms = number_in(document, "length", least=1, most=1e9)
    return MusicBrainzRecording(
        mbid=mbid,
        title=title,
        artist_credit=_printed(document),
        artists=tuple(dict.fromkeys(_artists(document))),
        works=tuple({work.mbid: work for work in _works(document)}.values()),
        length_ms=None if length_ms is None else int(length_ms),
        first_release_date=text_in(document, "first-release-date"),
    )


def _printed(document: Mapping[str, Any]) -> str | None:
    credit = "".join(
        cleaned_text(part.get("name")) + cleaned_text(part.get("joinphrase"))
        for part in objects_in(document, "artist-credit")
    )
    return credit.strip()[:LONGEST_TEXT] or None


def _artists(document: Mapping[str, Any]) -> Iterator[CreditedArtist]:
    for part in objects_in(document, "artist-credit"):
        artist = object_in(part, "artist")
        # The artist's own name, which may differ from the printed one on this recording.
        name = text_in(artist, "name") or text_in(part, "name")
        if name is not None:
            yield CreditedArtist(name, mbid_in(artist, "id"))


def _works(document: Mapping[str, Any]) -> Iterator[PerformedWork]:
    for relation in objects_in(document, "relations"):
        if relation.get("type") == "performance":
            work = object_in(relation, "work")
            mbid, title = mbid_in(work, "id"), text_in(work, "title")
            if mbid is not None and title is not None:
                yield PerformedWork(mbid, title)
