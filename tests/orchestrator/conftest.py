"""What the tests of the import need: a user who has configured nothing, and web services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.web_services import API_KEY, WebServices, web_services
from wkmp_orm.audio.flavor import essentia_is_installed
from wkmp_orm.orchestrator import tools

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wkmp_orm import Library
    from wkmp_orm.audio.flavor import FlavorSource
    from wkmp_orm.settings import SettingsSnapshot


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the empty home of a user, who has no key for a web service either."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for variable in ("WKMP_ACOUSTID_API_KEY", "WKMP_ACOUSTID_URL"):
        monkeypatch.delenv(variable, raising=False)
    return folder


class KnowsNothing:
    """Answers as Essentia does when it is asked about a second of sound."""

    name = "Essentia"

    def flavor(self, **_: Any) -> None:
        return None


@pytest.fixture(autouse=True)
def flavor_where_essentia_has_no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a source stand in for Essentia on platforms without it; its own tests are left out there.

    What an import does with a flavor is tested on every platform, so it needs somebody to ask.
    """
    if essentia_is_installed():
        return
    others = tools._sources

    def sources(settings: SettingsSnapshot) -> tuple[FlavorSource, ...]:
        # Not by tests that have taken Essentia away.
        is_wanted = vars(tools)["essentia_is_installed"] is essentia_is_installed
        return (*others(settings), KnowsNothing()) if is_wanted else others(settings)

    monkeypatch.setattr(tools, "_sources", sources)


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
