"""One file through its phases: each reads or computes first, then writes in one transaction.

Knows audio and phases; must not know workers, nor what is done with a file that failed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, NamedTuple

from wkmp_orm.audio import read_tags, sha256_of
from wkmp_orm.errors import SoundFileError
from wkmp_orm.orchestrator.from_tags import file_metadata, whole_file_passage
from wkmp_orm.orchestrator.scan import modification_time
from wkmp_orm.orchestrator.writing import write
from wkmp_orm.phase import Phase
from wkmp_orm.phases import (
    complete_passages,
    finalize_file,
    is_duplicate,
    record_hash,
    record_metadata,
    record_passages,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wkmp_orm.audio import Tags
    from wkmp_orm.library import Library
    from wkmp_orm.phases import MatchedFile
    from wkmp_orm.unit_of_work import UnitOfWork


class Verdict(Enum):
    """What a phase says of its file."""

    GO_ON = auto()
    DUPLICATE = auto()


@dataclass(slots=True, eq=False)
class FileOnItsWay:
    """A file, and what its phases have found so far. Belongs to one worker."""

    library: Library
    session_id: str
    place: Path
    matched: MatchedFile
    _tags: Tags | None = None
    kept_passages: list[str] = field(default_factory=list)

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
        if self._tags is None:
            msg = f"the phases of {self.path} are out of order: its tags were not read yet"
            raise RuntimeError(msg)
        return self._tags

    def read_tags(self) -> Tags:
        """Read its tags for this phase and the later ones."""
        self._tags = read_tags(self.place)
        return self._tags

    def write(self, phase: Phase, fill: Callable[[UnitOfWork], object]) -> None:
        """Write a phase of it."""
        write(self.library, phase, fill)

    def check_unchanged(self) -> None:
        """Raise SoundFileError unless it is the file that was scanned: rows must not mix two."""
        status = self.place.stat()
        scanned = self.matched.found
        if (status.st_size, modification_time(status.st_mtime_ns)) != (
            scanned.size_bytes,
            scanned.modification_time,
        ):
            msg = "changed during the import: import it again when it is finished"
            raise SoundFileError(msg)


class Step(NamedTuple):
    """A phase of the pipeline."""

    phase: Phase
    run: Callable[[FileOnItsWay], Verdict]


def deduplicate(file: FileOnItsWay) -> Verdict:
    """Hash the file and find out whether an equal one is there already."""
    sha256 = sha256_of(file.place)
    file.check_unchanged()
    file.write(Phase.HASH_DEDUPLICATION, lambda work: record_hash(work, file.guid, sha256))
    with file.library.reader() as session:
        return Verdict.DUPLICATE if is_duplicate(session, file.guid) else Verdict.GO_ON


def extract_metadata(file: FileOnItsWay) -> Verdict:
    """Read the tags and what the sound is like."""
    metadata = file_metadata(file.read_tags())
    file.check_unchanged()
    file.write(Phase.METADATA_EXTRACTION, lambda work: record_metadata(work, file.path, metadata))
    return Verdict.GO_ON


def record(file: FileOnItsWay) -> Verdict:
    """Record the passage with its song, artists, album and works."""
    duration = file.tags.duration_ticks
    if duration is None:
        msg = f"its duration is unknown: the {file.tags.format} file does not say it"
        raise SoundFileError(msg)
    passage = whole_file_passage(file.tags, duration)

    def fill(work: UnitOfWork) -> None:
        recording = record_passages(work, file.guid, [passage], session_id=file.session_id)
        file.kept_passages = recording.kept

    file.write(Phase.RECORDING, fill)
    return Verdict.GO_ON


def finalize(file: FileOnItsWay) -> Verdict:
    """Complete the passages and the file: no later phase has anything to add to them yet."""

    def fill(work: UnitOfWork) -> None:
        complete_passages(work, file.guid)
        finalize_file(work, file.guid, songs_settled=False)

    file.write(Phase.FINALIZATION, fill)
    return Verdict.GO_ON


STEPS: Final = (
    Step(Phase.HASH_DEDUPLICATION, deduplicate),
    Step(Phase.METADATA_EXTRACTION, extract_metadata),
    Step(Phase.RECORDING, record),
    Step(Phase.FINALIZATION, finalize),
)
"""The phases of a file, in order. Between two of them the import may stop."""
