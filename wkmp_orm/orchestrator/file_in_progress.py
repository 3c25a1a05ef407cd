"""A file that waits for its turn, and a file that a worker processes, with its results so far."""

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
    """A file to be imported: its place on the disk and its row.

    `lacks_flavor`: the file is complete, except for songs whose flavor no source was asked for.
    `sha256` is its hash, if it was read already. `ended_importers`: several importers in a row
    ended while they had the file.
    """

    place: Path
    matched: MatchedFile
    lacks_flavor: bool = False
    sha256: str | None = None
    ended_importers: bool = False


@dataclass(slots=True, eq=False)
class FileInProgress:
    """A file and the results of its phases so far. It belongs to one worker."""

    context: ImportContext
    place: Path
    matched: MatchedFile
    sha256: str | None = None
    """Its hash, if it was read before its turn came."""
    fence: Callable[[UnitOfWork], None] | None = None
    """Makes a unit of work fail if another importer has the file by now."""
    candidates: Mapping[Span, tuple[AcoustidMatch, ...]] = field(default_factory=dict)
    """The recordings that AcoustID links to its passages, for the passages that were looked up."""
    passages: list[RecordedPassage] = field(default_factory=list)
    """The names and links of its passages, once they are known."""
    kept_passages: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    """Problems found in it that do not prevent the import."""
    recording: Recording | None = None
    """What the recording phase did."""
    failure: BaseException | None = None
    """Why its import failed."""
    outcome: str = ""
    """Its outcome in a word; empty while it is in progress."""
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
        """Whether its tags are known: they may come with its hash, before the metadata phase."""
        return self._tags is not None

    @property
    def analysis(self) -> SoundAnalysis:
        """The analysis of its sound, once the segmentation phase has decoded it."""
        return self._known(self._analysis, "sound")

    @analysis.setter
    def analysis(self, analysis: SoundAnalysis) -> None:
        self._analysis = analysis

    @property
    def warning(self) -> str:
        """Its warnings as one text that can be stored; empty if there are none."""
        return storable("; ".join(dict.fromkeys(self.warnings)))

    @property
    def is_identified(self) -> bool:
        """Whether the recording of at least one of its passages is known."""
        return any(passage.song is not None for passage in self.passages)

    def write(self, phase: str, fill: Callable[[UnitOfWork], object]) -> None:
        """Write a phase of the file in one unit of work, which is filled again for each retry.

        Therefore `fill` should do nothing but write. Raises FlushErrors.
        """

        def fenced(work: UnitOfWork) -> None:
            fill(work)
            if self.fence is not None:
                self.fence(work)

        write(self.context.library, phase, fenced)

    def check_unchanged(self) -> None:
        """Raise SoundFileError if the file changed since the scan: rows must not mix two files."""
        if not is_as_scanned(self.place, self.matched.found):
            msg = "changed during the import: import it again when it is finished"
            raise SoundFileError(msg)

    def _known(self, value: T | None, what: str) -> T:
        if value is None:
            msg = f"the phases of {self.path} are out of order: its {what} was not read yet"
            raise RuntimeError(msg)
        return value
