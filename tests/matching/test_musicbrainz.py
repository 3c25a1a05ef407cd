"""MusicBrainz is asked as documented, and what it answers becomes a recording or none."""

from __future__ import annotations

import re

import pytest

from tests.matching.conftest import CONTACT
from tests.support.sound import mbid
from tests.support.web_services import WebServices, html, redirects, replies
from wkmp_orm.errors import ConfigurationError, ServiceUnavailableError
from wkmp_orm.matching import (
    CreditedArtist,
    MusicBrainzClient,
    MusicBrainzRecording,
    PerformedWork,
)


@pytest.mark.smoke
def test_a_recording_is_looked_up_as_documented(
    services: WebServices, musicbrainz: MusicBrainzClient
) -> None:
    services.musicbrainz.knows(
        mbid(1),
        "River Deep - Mountain High",
        artists=[("Ike", mbid(2)), ("Tina Turner", mbid(3))],
        works=[("River Deep", mbid(4))],
        length_ms=218_000,
        first_release_date="1966-05",
    )

    assert musicbrainz.recording(mbid(1).upper()) == MusicBrainzRecording(
        mbid=mbid(1),
        title="River Deep - Mountain High",
        artist_credit="Ike & Tina Turner",
        artists=(CreditedArtist("Ike", mbid(2)), CreditedArtist("Tina Turner", mbid(3))),
        works=(PerformedWork(mbid(4), "River Deep"),),
        length_ms=218_000,
        first_release_date="1966-05",
    )
    (request,) = services.musicbrainz.requests
    assert request.method == "GET"
    assert request.path == f"/ws/2/recording/{mbid(1)}"
    assert request.fields == {"inc": "artist-credits work-rels", "fmt": "json"}


def test_it_is_told_who_asks(services: WebServices, musicbrainz: MusicBrainzClient) -> None:
    musicbrainz.recording(mbid(1))
    (request,) = services.musicbrainz.requests
    assert re.fullmatch(
        rf"wkmp_orm(/[0-9.]+)? \( {re.escape(CONTACT)} \)", request.headers["User-Agent"]
    )


@pytest.mark.parametrize(
    "contact", ["", "nobody", "a@b\r\nX-Header: 1", "caf\u00e9@example.org"], ids=ascii
)
def test_what_is_no_contact_is_refused(contact: str) -> None:
    with pytest.raises(ConfigurationError, match="contact"):
        MusicBrainzClient(contact=contact)


def test_an_unknown_recording_is_none(musicbrainz: MusicBrainzClient) -> None:
    assert musicbrainz.recording(mbid(1)) is None


def test_a_merged_recording_is_answered_by_its_new_id(
    services: WebServices, musicbrainz: MusicBrainzClient
) -> None:
    services.musicbrainz.knows(mbid(2), "Sinnerman")
    services.musicbrainz.merges(mbid(1), into=mbid(2))
    services.musicbrainz.then(redirects(f"{services.musicbrainz.url}recording/{mbid(1)}?fmt=json"))

    found = musicbrainz.recording(mbid(1))

    assert found is not None
    assert found.mbid == mbid(2)


def test_a_page_that_is_not_found_is_not_an_unknown_recording(
    services: WebServices, musicbrainz: MusicBrainzClient
) -> None:
    services.musicbrainz.then(html(status=404), replies({"detail": "no route"}, status=404))
    for _ in range(2):
        with pytest.raises(ServiceUnavailableError):
            musicbrainz.recording(mbid(1))


def test_a_circle_of_redirects_ends(services: WebServices, musicbrainz: MusicBrainzClient) -> None:
    services.musicbrainz.always(redirects(f"{services.musicbrainz.url}recording/{mbid(1)}"))
    with pytest.raises(ServiceUnavailableError):
        musicbrainz.recording(mbid(1))
    assert len(services.musicbrainz.requests) == 4


def test_an_artist_goes_by_their_own_name_and_the_credit_by_what_is_printed(
    services: WebServices, musicbrainz: MusicBrainzClient
) -> None:
    services.musicbrainz.then(
        replies(
            {
                "id": mbid(1),
                "title": "Changes",
                "length": None,
                "artist-credit": [
                    {
                        "name": "2Pac",
                        "joinphrase": " feat. ",
                        "artist": {"name": "Tupac", "id": mbid(2)},
                    },
                    {"name": "Talent", "artist": {"id": "?"}},
                    {"joinphrase": "\x00"},
                ],
                "relations": [
                    {"type": "performance", "target-type": "work", "work": {"id": mbid(3)}},
                    {"type": "samples material", "recording": {"id": mbid(4), "title": "x"}},
                ],
            }
        )
    )

    assert musicbrainz.recording(mbid(1)) == MusicBrainzRecording(
        mbid=mbid(1),
        title="Changes",
        artist_credit="2Pac feat. Talent",
        artists=(CreditedArtist("Tupac", mbid(2)), CreditedArtist("Talent")),
    )


@pytest.mark.parametrize("wrong", ["", "../artist/x", "123", mbid(1) + "?inc=x"])
def test_what_is_no_id_is_not_asked(
    services: WebServices, musicbrainz: MusicBrainzClient, wrong: str
) -> None:
    with pytest.raises(ValueError, match="not a MusicBrainz id"):
        musicbrainz.recording(wrong)
    assert services.musicbrainz.requests == []
