"""What a web service sends is bounded before it is decoded, and stays that service's own answer."""

from __future__ import annotations

import gzip
import zlib
from urllib.parse import urlsplit

import pytest

from tests.support.sound import mbid
from tests.support.web_services import Reaction, WebServices, redirects, web_services
from wkmp_orm.errors import ServiceUnavailableError
from wkmp_orm.matching import AcoustidClient, MusicBrainzClient

FINGERPRINT = "AQADtNQyRUkSRUlCHEeOH8eP5DjSB8eP5A"


def packed(coding: str, body: bytes) -> Reaction:
    return Reaction(200, body, {"Content-Encoding": coding, "Content-Type": "application/json"})


def test_an_answer_is_asked_for_unpacked(services: WebServices, acoustid: AcoustidClient) -> None:
    acoustid.lookup(FINGERPRINT, 10)
    assert services.acoustid.requests[0].headers["Accept-Encoding"] == "identity"


def test_an_answer_that_says_it_is_not_packed_is_read(
    services: WebServices, acoustid: AcoustidClient
) -> None:
    services.acoustid.then(packed("Identity", b'{"status": "ok", "results": []}'))
    assert acoustid.lookup(FINGERPRINT, 10) == ()


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "deflate", "gzip, gzip", "identity, gzip", "x"])
def test_a_packed_answer_is_refused_unread(
    services: WebServices, acoustid: AcoustidClient, coding: str
) -> None:
    body = gzip.compress(gzip.compress(b" " * 30_000_000))
    services.acoustid.then(packed(coding, body))
    with pytest.raises(ServiceUnavailableError, match="packed, which was not asked for"):
        acoustid.lookup(FINGERPRINT, 10)
    assert len(services.acoustid.requests) == 1


def test_a_packed_answer_that_does_not_say_so_is_no_json(
    services: WebServices, acoustid: AcoustidClient
) -> None:
    services.acoustid.then(Reaction(200, zlib.compress(b"{}"), {"Content-Type": "text/json"}))
    with pytest.raises(ServiceUnavailableError, match="broken JSON"):
        acoustid.lookup(FINGERPRINT, 10)


def test_an_answer_of_more_than_four_mebibytes_is_not_read_to_its_end(
    services: WebServices, acoustid: AcoustidClient
) -> None:
    services.acoustid.then(Reaction(200, b" " * 30_000_000))
    with pytest.raises(ServiceUnavailableError, match="larger than 4194304 bytes"):
        acoustid.lookup(FINGERPRINT, 10)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"X-Long": "a" * 500_000}, id="one long line"),
        pytest.param({f"X-{n}": "a" * 1_000 for n in range(500)}, id="many lines"),
    ],
)
def test_a_head_without_an_end_is_a_failure(
    services: WebServices, acoustid: AcoustidClient, headers: dict[str, str]
) -> None:
    services.acoustid.always(Reaction(200, b"{}", headers))
    with pytest.raises(ServiceUnavailableError, match="connection failed"):
        acoustid.lookup(FINGERPRINT, 10)


@pytest.mark.parametrize(
    "to",
    [
        pytest.param("file:///etc/passwd", id="a file"),
        pytest.param("ftp://127.0.0.1/x", id="another protocol"),
        pytest.param("http://localhost:{port}/ws/2/recording/1", id="another name"),
        pytest.param("https://example.org/ws/2/recording/1", id="another host"),
        pytest.param("http://127.0.0.1:1/ws/2/recording/1", id="another port"),
        pytest.param("http://u:p@127.0.0.1:{port}/ws/2/recording/1", id="a user"),
        pytest.param("//example.org/ws/2/recording/1", id="another host, without a scheme"),
        pytest.param("http://[::1/", id="no URL"),
    ],
)
def test_a_redirect_to_another_place_is_not_followed(
    services: WebServices, musicbrainz: MusicBrainzClient, to: str
) -> None:
    port = urlsplit(services.musicbrainz.url).port
    services.musicbrainz.always(redirects(to.format(port=port)))
    with pytest.raises(ServiceUnavailableError, match=r"moved|connection failed"):
        musicbrainz.recording(mbid(1))
    assert {request.path for request in services.musicbrainz.requests} == {
        f"/ws/2/recording/{mbid(1)}"
    }


def test_another_server_is_asked_nothing(
    services: WebServices, musicbrainz: MusicBrainzClient
) -> None:
    with web_services() as other:
        services.musicbrainz.always(redirects(f"{other.musicbrainz.url}recording/{mbid(1)}"))
        with pytest.raises(ServiceUnavailableError, match="moved elsewhere: correct its URL"):
            musicbrainz.recording(mbid(1))
        assert other.musicbrainz.requests == []


def test_a_redirect_to_https_on_the_same_host_is_followed(
    services: WebServices, musicbrainz: MusicBrainzClient
) -> None:
    port = urlsplit(services.musicbrainz.url).port
    services.musicbrainz.always(redirects(f"https://127.0.0.1:{port}/ws/2/"))
    # It speaks no TLS: that it is asked is what can be seen.
    with pytest.raises(ServiceUnavailableError, match=r"connection failed .*SSL"):
        musicbrainz.recording(mbid(1))


def test_what_comes_with_a_redirect_is_not_read(
    services: WebServices, musicbrainz: MusicBrainzClient
) -> None:
    services.musicbrainz.knows(mbid(1), "Sinnerman")
    url = f"{services.musicbrainz.url}recording/{mbid(1)}?fmt=json"
    headers = {"Location": url, "Content-Encoding": "gzip, gzip"}
    services.musicbrainz.then(Reaction(301, gzip.compress(gzip.compress(b" " * 9_000)), headers))
    found = musicbrainz.recording(mbid(1))
    assert found is not None
    assert found.title == "Sinnerman"
