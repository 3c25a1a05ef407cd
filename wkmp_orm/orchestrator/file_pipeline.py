"""Takes one file through its phases: each reads or computes, then writes in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, NamedTuple

from wkmp_orm.audio.analysis import analyse
from wkmp_orm.errors import SoundFileError
from wkmp_orm.orchestrator.counts import Findings
from wkmp_orm.orchestrator.flavoring import flavor_songs
from wkmp_orm.orchestrator.identification import ask_acoustid, match_songs
from wkmp_orm.orchestrator.reading import crashed, hash_of, tags_of
from wkmp_orm.orchestrator.recording_input import decoded_metadata, file_metadata
from wkmp_orm.phase import Phase
from wkmp_orm.phases import (
    Match,
    PassageAmplitude,
    finalize_file,
    is_duplicate,
    record_amplitude,
    record_hash,
    record_metadata,
    record_no_audio,
    record_passages,
    record_warning,
)

if TYPE_CHECKING:
    from wkmp_orm.audio import Tags
    from wkmp_orm.audio.analysis import SoundAnalysis
    from wkmp_orm.orchestrator.file_in_progress import FileInProgress
    from wkmp_orm.work import UnitOfWork

logger = logging.getLogger("wkmp_orm.orchestrator")


class Verdict(Enum):
    """The outcome of a file for which no further phase is needed."""

    DUPLICATE = auto()
    NO_AUDIO = auto()
    COMPLETE = auto()


class Step(NamedTuple):
    """A phase of the pipeline. `run` returns None if the next phase is to follow.

    `run` is called in worker threads, for several files at once. If it raises, its file fails with
    that reason. It must not hold a transaction open.
    """

    phase: str
    run: Callable[[FileInProgress], Verdict | None]


def deduplicate(file: FileInProgress) -> Verdict | None:
    """Hash the file and check whether an equal one is known already."""
    sha256 = hash_of(file)
    file.check_unchanged()
    file.write(Phase.HASH_DEDUPLICATION, lambda work: record_hash(work, file.guid, sha256))
    return Verdict.DUPLICATE if is_duplicate(file.context.library, file.guid) else None


def extract_metadata(file: FileInProgress) -> None:
    """Read the tags and the declared sound format. Whether the file plays is found out later."""
    file.tags = tags_of(file)
    file.check_unchanged()
    for warning in file.tags.warnings:
        logger.info("%s: %s", file.path, warning)
    file.warnings += file.tags.tag_warnings
    metadata = file_metadata(file.tags)
    file.write(Phase.METADATA_EXTRACTION, lambda work: record_metadata(work, file.path, metadata))


def segment(file: FileInProgress) -> Verdict | None:
    """Decode the file, once for all phases, and find its passages; write only if it has none."""
    context = file.context
    try:
        analysis: SoundAnalysis = context.compute(
            analyse, file.place, context.analysis, fingerprint=context.asks_acoustid
        )
    except SoundFileError as error:
        raise _why_not_played(error, file.tags) from error
    file.check_unchanged()
    for warning in analysis.warnings:
        logger.warning("%s: %s", file.path, warning)
    file.warnings += analysis.warnings
    context.statistics.found(Findings(sound_ticks=analysis.duration_ticks))
    if analysis.passages:
        file.analysis = analysis
        return None

    def fill(work: UnitOfWork) -> None:
        record_no_audio(work, file.guid)
        _record_sound(work, file, analysis)

    file.write(Phase.SEGMENTATION, fill)
    return Verdict.NO_AUDIO


def _why_not_played(error: SoundFileError, tags: Tags) -> SoundFileError:
    """Return the most precise reason why a file yielded no sound.

    The decoder only reports that it failed; the tags tell what the file should be.
    """
    says_more = crashed(error) or str(error).startswith("cannot be")
    if not says_more and tags.format is None:
        return SoundFileError("not a sound file: no sound was found in it")
    if not says_more and tags.damage is not None:
        return SoundFileError(tags.damage)
    return error


def record(file: FileInProgress) -> None:
    """Record the passages with their songs, artists, albums and works."""

    def fill(work: UnitOfWork) -> None:
        _record_sound(work, file, file.analysis)
        recording = record_passages(
            work, file.guid, file.passages, session_id=file.context.session_id
        )
        file.kept_passages = recording.kept
        file.recording = recording

    file.write(Phase.RECORDING, fill)
    if file.recording is not None:
        file.context.statistics.corrected(
            file.recording.corrected, disputed=file.recording.disputed
        )


def record_lead_points(file: FileInProgress) -> None:
    """Record the lead-in and lead-out of the passages, which completes them."""
    amplitudes = [
        PassageAmplitude(
            passage.start_time_ticks,
            passage.end_time_ticks,
            passage.amplitude.lead_in_start_ticks,
            passage.amplitude.lead_out_start_ticks,
            passage.amplitude.measured,
        )
        for passage in file.analysis.passages
    ]
    file.write(Phase.AMPLITUDE, lambda work: record_amplitude(work, file.guid, amplitudes))


def finalize(file: FileInProgress) -> Verdict:
    """Complete the file if its passages are complete and its songs are settled."""
    # Without a flavor source the songs wait for an import that has one.
    settled = bool(file.context.flavor_sources)
    file.write(
        Phase.FINALIZATION, lambda work: finalize_file(work, file.guid, songs_settled=settled)
    )
    return Verdict.COMPLETE


def _record_sound(work: UnitOfWork, file: FileInProgress, analysis: SoundAnalysis) -> None:
    decoded = decoded_metadata(file.tags, analysis)
    if decoded is not None:
        record_metadata(work, file.path, decoded)
    # A new file has no stored warning, and each statement costs a round trip.
    if file.warning or file.matched.match is not Match.NEW:
        record_warning(
            work,
            session_id=file.context.session_id,
            path=file.path,
            file_guid=file.guid,
            reason=file.warning,
        )


STEPS: Final = (
    Step(Phase.HASH_DEDUPLICATION, deduplicate),
    Step(Phase.METADATA_EXTRACTION, extract_metadata),
    Step(Phase.SEGMENTATION, segment),
    Step(Phase.FINGERPRINTING, ask_acoustid),
    Step(Phase.SONG_MATCHING, match_songs),
    Step(Phase.RECORDING, record),
    Step(Phase.AMPLITUDE, record_lead_points),
    Step(Phase.FLAVORING, flavor_songs),
    Step(Phase.FINALIZATION, finalize),
)
"""The phases of a file, in order. Between two of them the import may stop."""

LATE_PHASES: Final = (Phase.FLAVORING, Phase.FINALIZATION)
"""The phases for a complete file whose songs have no flavor yet."""
