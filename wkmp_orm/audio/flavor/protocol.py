"""What a flavor is and where one may come from: the seam at which a source of one's own fits in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Flavor:
    """What a piece of music is like, as `songs.flavor_vector` keeps it, and who says so.

    `vector` is a flat JSON object; `wkmp_orm.audio.flavor.vector` says what is in it. `source` is
    the name in `songs.flavor_source_blend`.
    """

    vector: dict[str, Any]
    source: str


class FlavorSource(Protocol):
    """Tells flavors. Any thread may call it; it keeps nothing between two calls."""

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
        """Return the flavor of a passage, None when this source knows nothing of it.

        The passage lies in the sound file at `path`, in ticks from its start; `recording_mbid` is
        the recording that it is, if that is known. `cancelled` is looked up during long
        computations.

        Raises SoundFileError when the file cannot be read, AnalysisCancelledError when `cancelled`
        says so.
        """
