"""AcoustID and MusicBrainz on loopback: an HTTP server that answers as they are documented to.

Knows their protocols from their documentation; must not know the package that is being tested.

    with web_services() as services:
        services.acoustid.links("AQAA...", recording("...", "Sinnerman"), score=0.97)
        services.musicbrainz.knows("...", "Sinnerman", artists=[("Nina Simone", "...")])
        services.acoustid.then(busy(retry_after=1), dropped())      # the next two requests
        ...                                                         # ask services.acoustid.url
        assert len(services.acoustid.requests) == 3
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

API_KEY: Final = "made-for-tests"


class Received(NamedTuple):
    """A request as it came in, and when (`time.monotonic`)."""

    at: float
    method: str
    path: str
    fields: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Reaction:
    """What the server does instead of answering as documented; `body` None: it answers."""

    status: int = 200
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    after_s: float = 0.0
    bytes_apart_s: float | None = None
    drops: bool = False


def busy(*, retry_after: float | str | None = None, status: int = 503) -> Reaction:
    """Answer that there are too many requests."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    body = b'{"error": "Your requests are exceeding the allowable rate limit."}'
    return Reaction(status, body, headers | {"Content-Type": "application/json"})


def replies(document: object, *, status: int = 200) -> Reaction:
    """Answer with this document."""
    body = json.dumps(document).encode()
    return Reaction(status, body, {"Content-Type": "application/json; charset=utf-8"})


def sends(body: bytes, *, content_type: str = "application/json", status: int = 200) -> Reaction:
    """Answer with these bytes."""
    return Reaction(status, body, {"Content-Type": content_type})


def html(*, status: int = 200) -> Reaction:
    """Answer with a page, as a hotel's network does."""
    return sends(
        b"<html><body>Please log in</body></html>", content_type="text/html", status=status
    )


def redirects(to: str, *, status: int = 301) -> Reaction:
    """Answer that it is elsewhere."""
    return Reaction(status, b"", {"Location": to})


def slow(seconds: float) -> Reaction:
    """Answer as documented, after a while."""
    return Reaction(after_s=seconds)


def trickling(seconds_apart: float) -> Reaction:
    """Answer with a byte now and then, never so late that a read times out."""
    return Reaction(200, b" " * 10_000, bytes_apart_s=seconds_apart)


def dropped() -> Reaction:
    """Close the connection without a word."""
    return Reaction(drops=True)


class Service:
    """What the two have in common: they count and time requests, and do as they are told."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[Received] = []
        self._lock = threading.Lock()
        self._next: deque[Reaction] = deque()
        self._always: Reaction | None = None

    def then(self, *reactions: Reaction) -> None:
        """React so to the next requests, one each."""
        self._next.extend(reactions)

    def always(self, reaction: Reaction | None) -> None:
        """React so from now on; None: answer as documented."""
        self._always = reaction

    def reaction_to(self, request: Received) -> Reaction:
        """Count a request and say what to do."""
        with self._lock:
            self.requests.append(request)
            reaction = self._next.popleft() if self._next else self._always or Reaction()
        if reaction.body is not None or reaction.drops:
            return reaction
        status, document = self.documented(request)
        answer = replies(document, status=status)
        return Reaction(answer.status, answer.body, answer.headers, reaction.after_s)

    def documented(self, request: Received) -> tuple[int, object]:
        """Answer as the real service does."""
        raise NotImplementedError


def recording(
    mbid: str,
    title: str | None = None,
    *,
    artists: Sequence[tuple[str, str]] = (),
    duration: float | None = None,
    sources: int = 1,
) -> dict[str, Any]:
    """Make a recording as AcoustID describes it; artists are names and ids."""
    described: dict[str, Any] = {"id": mbid, "sources": sources}
    if title is not None:
        described["title"] = title
    if artists:
        described["artists"] = [{"id": artist, "name": name} for name, artist in artists]
    if duration is not None:
        described["duration"] = duration
    return described


class Acoustid(Service):
    """https://acoustid.org/webservice: `lookup` by fingerprint."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.keys = {API_KEY}
        self._results: dict[str, list[dict[str, Any]]] = {}

    def links(self, fingerprint: str, *recordings: dict[str, Any], score: float = 1.0) -> None:
        """Make a fingerprint known; each call is one more result for it."""
        results = self._results.setdefault(fingerprint, [])
        number = f"{len(self._results):04x}{len(results):04x}"
        identity = f"{number}-0000-4000-8000-000000000000"
        results.append({"id": identity, "score": score, "recordings": list(recordings)})

    def documented(self, request: Received) -> tuple[int, object]:
        if request.path != "/v2/lookup":
            return 404, {"status": "error", "error": {"code": 1, "message": "not found"}}
        fields = request.fields
        for name in ("client", "duration", "fingerprint"):
            if not fields.get(name):
                return _error(2, f'missing required parameter "{name}"')
        if fields["client"] not in self.keys:
            return _error(4, "invalid API key")
        if not fields["duration"].isdigit() or fields["duration"] == "0":
            return _error(8, 'parameter "duration" must be a positive integer')
        if not fields["fingerprint"].startswith("AQ"):
            return _error(3, "invalid fingerprint")
        wanted = fields.get("meta", "").split()
        results = [
            {name: each[name] for name in each if name in ("id", "score", *wanted)}
            for each in self._results.get(fields["fingerprint"], [])
        ]
        return 200, {"status": "ok", "results": results}


def _error(code: int, message: str) -> tuple[int, object]:
    return 400, {"status": "error", "error": {"code": code, "message": message}}


class MusicBrainz(Service):
    """https://musicbrainz.org/doc/MusicBrainz_API: look-up of recordings."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._recordings: dict[str, dict[str, Any]] = {}
        self._merged: dict[str, str] = {}

    def knows(
        self,
        mbid: str,
        title: str,
        *,
        artists: Sequence[tuple[str, str]] = (),
        works: Sequence[tuple[str, str]] = (),
        length_ms: int | None = None,
        first_release_date: str = "",
    ) -> None:
        """Make a recording known; artists and works are names (titles) and ids."""
        last = len(artists) - 1
        self._recordings[mbid] = {
            "id": mbid,
            "title": title,
            "length": length_ms,
            "video": False,
            "disambiguation": "",
            "first-release-date": first_release_date,
            "artist-credit": [
                {
                    "name": name,
                    "joinphrase": "" if place == last else " & ",
                    "artist": {"id": artist, "name": name, "sort-name": name, "type": "Person"},
                }
                for place, (name, artist) in enumerate(artists)
            ],
            "relations": [
                {
                    "type": "performance",
                    "type-id": "a3005666-a872-32c3-ad06-98af558e99b0",
                    "target-type": "work",
                    "direction": "forward",
                    "attributes": [],
                    "work": {"id": work, "title": called, "type": "Song", "iswcs": []},
                }
                for called, work in works
            ],
        }

    def merges(self, mbid: str, into: str) -> None:
        """Make an id another name of a recording."""
        self._merged[mbid] = into

    def documented(self, request: Received) -> tuple[int, object]:
        if not request.headers.get("User-Agent"):
            return 403, {"error": "Please send a User-Agent."}
        prefix, _, mbid = request.path.rpartition("/")
        if prefix != "/ws/2/recording" or request.fields.get("fmt") != "json":
            return 400, {"error": "Invalid request."}
        try:
            UUID(mbid)
        except ValueError:
            return 400, {"error": "Invalid mbid."}
        known = self._recordings.get(self._merged.get(mbid, mbid))
        if known is None:
            return 404, {"error": "Not Found", "help": "For usage, please see: the documentation"}
        included = request.fields.get("inc", "").split()
        hidden = {"artist-credit": "artist-credits", "relations": "work-rels"}
        return 200, {
            name: value
            for name, value in known.items()
            if name not in hidden or hidden[name] in included
        }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.closing = threading.Event()
        self.services: dict[str, Service] = {}

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that give up are what is tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(parse_qs(body.decode()))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def _answer(self, form: dict[str, list[str]]) -> None:
        at = time.monotonic()
        url = urlsplit(self.path)
        fields = {name: values[0] for name, values in (parse_qs(url.query) | form).items()}
        received = Received(at, self.command, url.path, fields, dict(self.headers.items()))
        service = self.server.services[url.path.split("/")[1]]
        self._react(service.reaction_to(received))

    def _react(self, reaction: Reaction) -> None:
        self.server.closing.wait(reaction.after_s)
        if reaction.drops:
            self.close_connection = True
            return
        body = reaction.body or b""
        self.send_response(reaction.status)
        for name, value in reaction.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if reaction.bytes_apart_s is None:
            self.wfile.write(body)
            return
        for place in range(len(body)):
            if self.server.closing.wait(reaction.bytes_apart_s):
                break
            self.wfile.write(body[place : place + 1])
            self.wfile.flush()


@dataclass(frozen=True)
class WebServices:
    """Both services, on one server."""

    acoustid: Acoustid
    musicbrainz: MusicBrainz


@contextmanager
def web_services() -> Iterator[WebServices]:
    """Run both services on a free port of 127.0.0.1."""
    server = _Server()
    base = f"http://127.0.0.1:{server.server_address[1]}"
    services = WebServices(Acoustid(f"{base}/v2/"), MusicBrainz(f"{base}/ws/2/"))
    server.services = {"v2": services.acoustid, "ws": services.musicbrainz}
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield services
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


def unreachable_url() -> str:
    """Return a URL on which nothing listens: a port that was free a moment ago."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return f"http://127.0.0.1:{server.server_address[1]}/"
