"""Somebody to ask for flavor on platforms for which Essentia has no wheel.

Knows where the import takes its sources from; must not know what they answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wkmp_orm.audio.flavor import essentia_is_installed
from wkmp_orm.orchestrator import import_context

if TYPE_CHECKING:
    import pytest

    from wkmp_orm.audio.flavor import FlavorSource
    from wkmp_orm.settings import SettingsSnapshot


class KnowsNothing:
    """Answers as Essentia does when it is asked about a second of sound."""

    name = "Essentia"

    def flavor(self, **_: Any) -> None:
        """Know nothing."""


def stand_in_for_essentia(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a source stand in for Essentia where it is not; its own tests are left out there.

    What an import in this process does with a flavor is tested on every platform.
    """
    if essentia_is_installed():
        return
    others = import_context._sources

    def sources(settings: SettingsSnapshot) -> tuple[FlavorSource, ...]:
        # Not by tests that have taken Essentia away.
        is_wanted = vars(import_context)["essentia_is_installed"] is essentia_is_installed
        return (*others(settings), KnowsNothing()) if is_wanted else others(settings)

    monkeypatch.setattr(import_context, "_sources", sources)
