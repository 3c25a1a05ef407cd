"""A file that waits for its turn, and one on its way: where it lies and what is known of it so far.

Knows what a phase needs of its import; must not know which phases there are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from wkmp_orm.errors import SoundFileError
from wkmp_orm.orchestrator.presence import is_as_scanned
from wkmp_orm.orchestrator.writing import storable, write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from wkmp_orm.audio import Tags
    from wkmp_orm.audio.analysis import SoundAnalysis
    from wkmp_orm.matching import AcoustidMatch, Span
    from wkmp_orm.orchestrator.import_context import ImportContext
    from wkmp_orm.phases import MatchedFile, RecordedPassage, Recording
    from wkmp_orm.work import UnitOfWork

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class WaitingFile:
    """A file that is to be imported: where it lies, and its row.

    `lacks_flavor`: it is complete but for songs whose flavor nobody was asked for. `sha256` is its
    hash, if it was looked at already. `ended_importers`: one importer after the other has ended
    while it had the file.
    """

    place: Path
    matched: MatchedFile
    lacks_flavor: bool = False
    sha256: str | None = None
    ended_importers: bool = False


@dataclass(slots=True, eq=False)
class FileInProgress:
    """A file, and what its phases have found so far. Belongs to one worker, and goes with it."""

    context: ImportContext
    place: Path
    matched: MatchedFile
    sha256: str | None = None
    """Its hash, if it was looked at before its turn came."""
    fence: Callable[[UnitOfWork], None] | None = None
    """What has a unit of work refused when another importer has the file by now."""
    candidates: Mapping[Span, tuple[AcoustidMatch, ...]] = field(default_factory=dict)
    """What AcoustID links to the sound of its passages: of those that it was asked about."""
    passages: list[RecordedPassage] = field(default_factory=list)
    """What its passages are called and belong to, once that is known."""
    kept_passages: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    """What was found wrong in it, though it can be imported."""
    recording: Recording | None = None
    """What the recording phase did."""
    failure: BaseException | None = None
    """Why it could not be imported."""
    outcome: str = ""
    """What has become of it, in a word; empty while it is on its way."""
    _tags: Tags | None = None
    _analysis: SoundAnalysis | None = None

    @property
    def guid(self) -> str:
        """The guid of its row."""
        return self.matched.guid

    @property
    def path(self) -> str:
        """Its stored path."""
        return self.matched.found.path

    @property
    def tags(self) -> Tags:
        """Its tags, once the metadata phase has read them."""
        return self._known(self._tags, "tags")

    @tags.setter
    def tags(self, tags: Tags) -> None:
        self._tags = tags

    @property
    def has_tags(self) -> bool:
        """Whether its tags are known: where they came with its hash, before that phase."""
        return self._tags is not None

    @property
    def analysis(self) -> SoundAnalysis:
        """What was found in its sound, once the segmentation phase has decoded it."""
        return self._known(self._analysis, "sound")

    @analysis.setter
    def analysis(self, analysis: SoundAnalysis) -> None:
        self._analysis = analysis

    @property
    def warning(self) -> str:
        """What was found wrong in it, fit to be stored; empty: nothing."""
        return storable("; ".join(dict.fromkeys(self.warnings)))

    @property
    def is_identified(self) -> bool:
        """Whether a recording is known that sounds in it."""
        return any(passage.song is not None for passage in self.passages)

    def write(self, phase: str, fill: Callable[[UnitOfWork], object]) -> None:
        """Write a phase of it in one unit of work, which is filled anew when it is refused.

        Nothing but what is to be written belongs in `fill`. Raises the FlushErrors.
        """

        def fenced(work: UnitOfWork) -> None:
            fill(work)
            if self.fence is not None:
                self.fence(work)

        write(self.context.library, phase, fenced)

    def check_unchanged(self) -> None:
        """Raise SoundFileError unless it is the file that was scanned: rows must not mix two."""
        if not is_as_scanned(self.place, self.matched.found):
            msg = "changed during the import: import it again when it is finished"
            raise SoundFileError(msg)

    def _known(self, value: T | None, what: str) -> T:
        if value is None:
            msg = f"the phases of {self.path} are out of order: its {what} was not read yet"
            raise RuntimeError(msg)
        return value
