"""The types `Flavor` and `FlavorSource`; implement the latter to add your own source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Flavor:
    """The musical flavor of a song, as stored in `songs.flavor_vector`, and its source.

    `vector` is a flat JSON object, described in `wkmp_orm.audio.flavor.vector`. `source` is the
    name in `songs.flavor_source_blend`.
    """

    vector: dict[str, Any]
    source: str


class FlavorSource(Protocol):
    """A source of flavors. It has no state between calls; any thread may call it."""

    @property
    def name(self) -> str:
        """The name in `songs.flavor_source_blend`."""

    def flavor(
        self,
        *,
        recording_mbid: str | None,
        path: Path,
        start_time_ticks: int,
        end_time_ticks: int,
        cancelled: Callable[[], bool],
    ) -> Flavor | None:
        """Return the flavor of a passage; None if this source has none for it.

        `path` is the sound file, and the passage's points are in ticks from its start;
        `recording_mbid` is the passage's recording, if it is known. `cancelled` is called during
        long computations.

        Raises SoundFileError if the file cannot be read, and AnalysisCancelledError if `cancelled`
        returns true.
        """
