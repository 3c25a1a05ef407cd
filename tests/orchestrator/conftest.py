"""What the tests of the import need: a user who has configured nothing, and web services."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.flavor import stand_in_for_essentia
from tests.support.web_services import API_KEY, WebServices, web_services

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wkmp_orm import Library


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the empty home of a user, who has no key for a web service either."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for variable in ("WKMP_ACOUSTID_API_KEY", "WKMP_ACOUSTID_URL"):
        monkeypatch.delenv(variable, raising=False)
    return folder


@pytest.fixture(autouse=True)
def source_of_flavor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the import somebody to ask."""
    stand_in_for_essentia(monkeypatch)


@pytest.fixture
def services() -> Iterator[WebServices]:
    """Run AcoustID and MusicBrainz on loopback."""
    with web_services() as running:
        yield running


@pytest.fixture
def online(library: Library, services: WebServices) -> Library:
    """Give a library whose settings say to ask both services."""
    library.settings.save(
        {
            "acoustid_api_key": API_KEY,
            "acoustid_url": services.acoustid.url,
            "musicbrainz_url": services.musicbrainz.url,
            "web_service_contact": "tests@example.org",
            "web_service_timeout_ms": 60_000,
        }
    )
    return library
