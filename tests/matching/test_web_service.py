"""A service is asked in turn, waited for briefly, asked again if that may help, then left alone."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.matching.conftest import CONTACT
from tests.support.patience import PATIENCE_S
from tests.support.sound import mbid
from tests.support.web_services import (
    API_KEY,
    Reaction,
    WebServices,
    busy,
    dropped,
    html,
    slow,
    trickling,
    unreachable_url,
)
from wkmp_orm.errors import ConfigurationError, ServiceUnavailableError
from wkmp_orm.matching import AcoustidClient, MusicBrainzClient

FINGERPRINT = "AQADtNQyRUkSRUlCHEeOH8eP5DjSB8eP5A"


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]


def test_eight_threads_share_one_rate(services: WebServices) -> None:
    url = services.musicbrainz.url
    with (
        MusicBrainzClient(contact=CONTACT, url=url, interval_s=0.05) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        began = time.monotonic()
        list(pool.map(client.recording, [mbid(n) for n in range(16)]))

    arrivals = [request.at for request in services.musicbrainz.requests]
    assert len(arrivals) == 16
    # Any of them may arrive late, and then the next one seems early. None may be early.
    assert all(at >= began + n * 0.05 for n, at in enumerate(sorted(arrivals)))


@pytest.mark.smoke
@pytest.mark.parametrize(
    "reaction",
    [
        pytest.param(busy(), id="503"),
        pytest.param(busy(status=429), id="429"),
        pytest.param(busy(status=500), id="500"),
        pytest.param(busy(status=502), id="502"),
        pytest.param(html(status=504), id="504, as a page"),
        pytest.param(busy(retry_after="soon"), id="503 with a Retry-After that is none"),
        pytest.param(dropped(), id="a dropped connection"),
    ],
)
def test_another_attempt_is_made_where_it_may_help(
    services: WebServices, acoustid: AcoustidClient, reaction: Reaction
) -> None:
    services.acoustid.then(reaction)
    assert acoustid.lookup(FINGERPRINT, 10) == ()
    assert len(services.acoustid.requests) == 2


def test_attempts_are_bounded(services: WebServices, acoustid: AcoustidClient) -> None:
    services.acoustid.then(busy(), dropped(), busy())
    with pytest.raises(ServiceUnavailableError, match="too busy to answer"):
        acoustid.lookup(FINGERPRINT, 10)
    assert len(services.acoustid.requests) == 3


def test_a_retry_after_holds_for_every_thread(services: WebServices) -> None:
    services.musicbrainz.then(busy(retry_after=3))
    url = services.musicbrainz.url
    with (
        # A second, in which the first one learns that it has to wait.
        MusicBrainzClient(contact=CONTACT, url=url, interval_s=1.0) as client,
        ThreadPoolExecutor(4) as pool,
    ):
        assert list(pool.map(client.recording, [mbid(n) for n in range(4)])) == [None] * 4

    first, *later = (request.at for request in services.musicbrainz.requests)
    assert len(later) == 4
    assert min(later) - first >= 2.95


def test_a_retry_after_of_minutes_is_taken_as_a_refusal(
    services: WebServices, acoustid: AcoustidClient, caplog: pytest.LogCaptureFixture
) -> None:
    services.acoustid.then(busy(retry_after=600))
    with pytest.raises(ServiceUnavailableError, match="600 s"):
        acoustid.lookup(FINGERPRINT, 10)
    assert acoustid.is_left_alone
    assert len(warnings(caplog)) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_ends_it_at_once(
    services: WebServices, musicbrainz: MusicBrainzClient, status: int
) -> None:
    services.musicbrainz.then(html(status=status))
    for _ in range(2):
        with pytest.raises(ServiceUnavailableError):
            musicbrainz.recording(mbid(1))
    assert len(services.musicbrainz.requests) == 1


def test_after_five_failures_in_a_row_a_service_is_left_alone_and_this_is_said_once(
    services: WebServices, acoustid: AcoustidClient, caplog: pytest.LogCaptureFixture
) -> None:
    services.acoustid.always(html())
    for _ in range(12):
        with pytest.raises(ServiceUnavailableError):
            acoustid.lookup(FINGERPRINT, 10)

    assert len(services.acoustid.requests) == 5
    assert acoustid.is_left_alone
    (warning,) = warnings(caplog)
    assert warning.startswith("AcoustID is left alone for the rest of this import: 5 requests")
    assert "text/html" in warning


def test_one_answer_starts_the_count_anew(services: WebServices, acoustid: AcoustidClient) -> None:
    for _ in range(3):
        services.acoustid.then(*[html()] * 4)
        for _ in range(4):
            with pytest.raises(ServiceUnavailableError):
                acoustid.lookup(FINGERPRINT, 10)
        assert acoustid.lookup(FINGERPRINT, 10) == ()


def test_who_is_waiting_for_a_turn_does_not_wait_for_a_service_that_is_left_alone(
    services: WebServices,
) -> None:
    services.acoustid.then(html(status=403))
    with (
        AcoustidClient(API_KEY, url=services.acoustid.url, interval_s=2 * PATIENCE_S) as client,
        ThreadPoolExecutor(4) as pool,
    ):
        asked = [pool.submit(client.lookup, FINGERPRINT, 10) for _ in range(4)]
        for each in asked:
            assert isinstance(each.exception(PATIENCE_S), ServiceUnavailableError)
    assert len(services.acoustid.requests) == 1


def test_nothing_listens(caplog: pytest.LogCaptureFixture) -> None:
    with AcoustidClient(API_KEY, url=unreachable_url(), interval_s=0.0) as client:
        for _ in range(3):
            with pytest.raises(ServiceUnavailableError):
                client.lookup(FINGERPRINT, 10)
    assert len(warnings(caplog)) == 1


def test_a_name_that_does_not_exist_is_a_failure_like_another() -> None:
    url = "http://no-such-host.invalid/"
    with (
        MusicBrainzClient(contact=CONTACT, url=url, interval_s=0.0, timeout_s=1.0) as client,
        pytest.raises(ServiceUnavailableError),
    ):
        client.recording(mbid(1))


@pytest.mark.parametrize(
    "reaction",
    [
        pytest.param(slow(2 * PATIENCE_S), id="no answer"),
        pytest.param(trickling(0.05), id="byte by byte"),
    ],
)
def test_a_request_ends_when_its_time_is_up(services: WebServices, reaction: Reaction) -> None:
    services.acoustid.always(reaction)
    with AcoustidClient(
        API_KEY, url=services.acoustid.url, interval_s=0.0, timeout_s=0.3
    ) as client:
        began = time.monotonic()
        for _ in range(2):
            with pytest.raises(ServiceUnavailableError):
                client.lookup(FINGERPRINT, 10)
        assert time.monotonic() - began >= 5 * 0.3, "five requests had their time"
        assert client.is_left_alone


@pytest.mark.parametrize(
    "waits_for",
    [
        pytest.param(slow(2 * PATIENCE_S), id="an answer"),
        pytest.param(busy(retry_after=20), id="the end of a Retry-After"),
        pytest.param(None, id="its turn"),
    ],
)
def test_stopping_ends_every_wait(services: WebServices, waits_for: Reaction | None) -> None:
    stop = threading.Event()
    if waits_for is not None:
        services.acoustid.always(waits_for)
    url = services.acoustid.url
    with (
        AcoustidClient(
            API_KEY, url=url, interval_s=30.0, timeout_s=2 * PATIENCE_S, stop=stop
        ) as client,
        ThreadPoolExecutor(2) as pool,
    ):
        if waits_for is None:
            client.lookup(FINGERPRINT, 10)
        asked = [pool.submit(client.lookup, FINGERPRINT, 10) for _ in range(2)]
        deadline = time.monotonic() + PATIENCE_S
        while not services.acoustid.requests and time.monotonic() < deadline:
            threading.Event().wait(0.005)
        stop.set()
        for each in asked:
            assert isinstance(each.exception(PATIENCE_S), ServiceUnavailableError)
            assert "stopped" in str(each.exception())
    assert not client.is_left_alone


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.acoustid.org",
        "file:///etc/passwd",
        "https://user:secret@example.org/",
        "https://example.org/?client=secret",
        "https://example.org:port/",
        "https:///v2",
    ],
)
def test_what_is_no_services_url_is_refused_and_no_secret_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match="URL") as raised:
        AcoustidClient(API_KEY, url=url)
    assert "secret" not in str(raised.value)


def test_a_url_needs_no_slash_at_its_end(services: WebServices) -> None:
    url = services.acoustid.url.rstrip("/")
    with AcoustidClient(API_KEY, url=url, interval_s=0.0) as client:
        assert client.lookup(FINGERPRINT, 10) == ()


def test_without_httpx2_matches_are_weighed_and_a_client_says_what_to_install() -> None:
    script = """
import sys
sys.modules["httpx2"] = None
from wkmp_orm.errors import ConfigurationError
from wkmp_orm.matching import AcoustidClient, Evidence, match_passages
(match,) = match_passages([Evidence(span=(0, 1), title="x")]).values()
assert match.confidence == 0.65
try:
    AcoustidClient("key")
except ConfigurationError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "wkmp_orm[online]" in done.stdout
