"""Both web services on loopback, and clients that ask them without a pause."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.web_services import API_KEY, WebServices, web_services
from wkmp_orm.matching import AcoustidClient, MusicBrainzClient

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTACT = "tests@example.org"


@pytest.fixture
def services() -> Iterator[WebServices]:
    """Run both services."""
    with web_services() as running:
        yield running


@pytest.fixture
def acoustid(services: WebServices) -> Iterator[AcoustidClient]:
    """Give a client of the one."""
    with AcoustidClient(API_KEY, url=services.acoustid.url, interval_s=0.0) as client:
        yield client


@pytest.fixture
def musicbrainz(services: WebServices) -> Iterator[MusicBrainzClient]:
    """Give a client of the other."""
    url = services.musicbrainz.url
    with MusicBrainzClient(contact=CONTACT, url=url, interval_s=0.0) as client:
        yield client
