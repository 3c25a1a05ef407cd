"""AcoustID is asked as documented, and whatever it answers becomes matches or nothing."""

from __future__ import annotations

import logging

import pytest

from tests.support.sound import mbid
from tests.support.web_services import (
    API_KEY,
    Reaction,
    WebServices,
    html,
    recording,
    redirects,
    replies,
    sends,
)
from wkmp_orm.errors import ConfigurationError, ServiceUnavailableError
from wkmp_orm.matching import AcoustidClient, AcoustidMatch, CreditedArtist

FINGERPRINT = "AQADtNQyRUkSRUlCHEeOH8eP5DjSB8eP5A"


@pytest.mark.smoke
def test_a_fingerprint_is_looked_up_as_documented(
    services: WebServices, acoustid: AcoustidClient
) -> None:
    services.acoustid.links(
        FINGERPRINT,
        recording(
            mbid(1), "Sinnerman", artists=[("Nina Simone", mbid(2))], duration=622, sources=9
        ),
        score=0.97,
    )

    assert acoustid.lookup(FINGERPRINT, 622) == (
        AcoustidMatch(
            recording_mbid=mbid(1),
            score=0.97,
            title="Sinnerman",
            artists=(CreditedArtist("Nina Simone", mbid(2)),),
            duration_s=622.0,
            sources=9,
        ),
    )
    (request,) = services.acoustid.requests
    assert request.method == "POST"
    assert request.path == "/v2/lookup"
    assert request.fields == {
        "client": API_KEY,
        "format": "json",
        "meta": "recordings sources",
        "duration": "622",
        "fingerprint": FINGERPRINT,
    }


def test_an_unknown_fingerprint_is_an_answer_and_an_empty_one(acoustid: AcoustidClient) -> None:
    assert acoustid.lookup(FINGERPRINT, 10) == ()


def test_the_likeliest_comes_first_and_no_recording_twice(
    services: WebServices, acoustid: AcoustidClient
) -> None:
    services.acoustid.links(FINGERPRINT, recording(mbid(1)), recording(mbid(2)), score=0.5)
    services.acoustid.links(
        FINGERPRINT, recording(mbid(3), sources=2), recording(mbid(1), sources=40), score=0.9
    )

    found = acoustid.lookup(FINGERPRINT, 10)

    assert [(each.recording_mbid, each.score) for each in found] == [
        (mbid(1), 0.9),
        (mbid(3), 0.9),
        (mbid(2), 0.5),
    ]


def test_no_more_than_fifty_matches_are_kept(
    services: WebServices, acoustid: AcoustidClient
) -> None:
    services.acoustid.links(FINGERPRINT, *(recording(mbid(n), sources=n) for n in range(200)))
    found = acoustid.lookup(FINGERPRINT, 10)
    assert [each.sources for each in found] == list(range(199, 149, -1))


def test_what_a_database_would_refuse_does_not_come_out(
    services: WebServices, acoustid: AcoustidClient
) -> None:
    result = {
        "score": 1,
        "recordings": [
            {"id": mbid(1).upper(), "title": "  a\x00b\ud800 ", "duration": -3, "sources": "many"},
            {"id": mbid(2), "title": "x" * 5_000, "artists": [{"id": 7}, "?", {"name": "N"}]},
            {"id": "not-an-id"},
            {"title": "no id"},
            "no object",
        ],
    }
    damaged = {"score": 1.5, "recordings": [{"id": mbid(3)}]}
    services.acoustid.then(replies({"status": "ok", "results": [result, damaged, None]}))

    one, two = sorted(acoustid.lookup(FINGERPRINT, 10), key=lambda each: each.title or "")

    assert one == AcoustidMatch(recording_mbid=mbid(1), score=1.0, title="a b\ufffd")
    assert two.title == "x" * 1_000
    assert two.artists == (CreditedArtist("N"),)


def test_an_invalid_key_ends_it_at_once_and_is_told_once_without_the_key(
    services: WebServices, caplog: pytest.LogCaptureFixture
) -> None:
    with AcoustidClient("secret-key", url=services.acoustid.url, interval_s=0.0) as client:
        for _ in range(3):
            with pytest.raises(ServiceUnavailableError) as raised:
                client.lookup(FINGERPRINT, 10)
            assert raised.value.service == "AcoustID"
            assert "secret-key" not in str(raised.value)
        assert client.is_left_alone

    assert len(services.acoustid.requests) == 1
    (warning,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert "acoustid_api_key" in warning.getMessage()
    assert "secret-key" not in caplog.text


def test_a_bad_fingerprint_is_nothing_found_and_no_failure(
    services: WebServices, acoustid: AcoustidClient
) -> None:
    for _ in range(10):
        assert acoustid.lookup("no fingerprint", 10) == ()
    assert len(services.acoustid.requests) == 10


@pytest.mark.parametrize(
    "reaction",
    [
        pytest.param(html(), id="a login page"),
        pytest.param(html(status=404), id="a page not found"),
        pytest.param(sends(b'{"status": "ok", "resu'), id="broken JSON"),
        pytest.param(sends(b""), id="nothing"),
        pytest.param(sends(b"\xff\xfe\xfd"), id="no text"),
        pytest.param(sends(b"[" * 100_000), id="JSON without a bottom"),
        pytest.param(sends(b'{"status": "ok", "results": [{"score": NaN}]}'), id="NaN"),
        pytest.param(sends(b" " * 5_000_000), id="five megabytes"),
        pytest.param(replies(["ok"]), id="a list"),
        pytest.param(replies({"status": "ok"}), id="ok without results"),
        pytest.param(replies({"status": "error"}), id="an error without a number"),
        pytest.param(replies({"status": "error", "error": {"code": 99}}), id="an unknown error"),
        pytest.param(redirects("http://127.0.0.1:1/"), id="a redirect, which would take the key"),
    ],
)
def test_an_answer_that_cannot_be_meant_is_a_failure_and_is_not_asked_for_again(
    services: WebServices, acoustid: AcoustidClient, reaction: Reaction
) -> None:
    services.acoustid.then(reaction)

    with pytest.raises(ServiceUnavailableError, match=r"^AcoustID: "):
        acoustid.lookup(FINGERPRINT, 10)

    assert len(services.acoustid.requests) == 1
    assert acoustid.lookup(FINGERPRINT, 10) == ()


@pytest.mark.parametrize("code", [5, 13, 14])
def test_the_services_own_errors_are_asked_for_again(
    services: WebServices, acoustid: AcoustidClient, code: int
) -> None:
    services.acoustid.then(replies({"status": "error", "error": {"code": code}}, status=400))
    assert acoustid.lookup(FINGERPRINT, 10) == ()
    assert len(services.acoustid.requests) == 2


@pytest.mark.parametrize("key", ["", "  "], ids=["empty", "blank"])
def test_without_a_key_there_is_no_client(key: str) -> None:
    with pytest.raises(ConfigurationError, match="acoustid_api_key"):
        AcoustidClient(key)
