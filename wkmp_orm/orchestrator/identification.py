"""Identifies the songs of a file's passages from stored answers, web services and tags.

If a service does not answer, the file lacks its answers and is imported all the same.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, TypeVar

from wkmp_orm.errors import FlushError, ServiceUnavailableError, StoredValueError
from wkmp_orm.matching import (
    Evidence,
    Level,
    answer_of_matches,
    answer_of_recording,
    match_passages,
    matches_of_answer,
    recording_of_answer,
)
from wkmp_orm.orchestrator.counts import Findings
from wkmp_orm.orchestrator.recording_input import is_described, recorded_passage
from wkmp_orm.orchestrator.writing import FATAL_ERRORS
from wkmp_orm.phase import Phase
from wkmp_orm.phases import read_answers, record_acoustid, record_answers, request_key
from wkmp_orm.ticks import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from wkmp_orm.matching import Match, MusicBrainzRecording, Span
    from wkmp_orm.matching.answers import Answer
    from wkmp_orm.orchestrator.file_in_progress import FileInProgress
    from wkmp_orm.work import UnitOfWork

T = TypeVar("T")

logger = logging.getLogger("wkmp_orm.orchestrator")

ACOUSTID: Final = "acoustid"
MUSICBRAINZ: Final = "musicbrainz"
"""The services' names in `service_answers`."""


def ask_acoustid(file: FileInProgress) -> None:
    """Look up the recordings that AcoustID links to the passages' fingerprints."""
    acoustid = file.context.acoustid
    printed = {
        (passage.start_time_ticks, passage.end_time_ticks): passage.fingerprint
        for passage in file.analysis.passages
        if passage.fingerprint is not None
    }
    if acoustid is None or not printed:
        return
    keys = {span: request_key(fingerprint) for span, fingerprint in printed.items()}
    # By key: two passages with the same sound need only one request.
    questions = {key: (printed[span], _seconds(span)) for span, key in keys.items()}
    known = _kept(file, ACOUSTID, questions, matches_of_answer)
    news = _asked(set(questions) - set(known), lambda key: acoustid.lookup(*questions[key]))

    def fill(work: UnitOfWork) -> None:
        record_answers(work, ACOUSTID, {key: answer_of_matches(news[key]) for key in news})
        best = {key: matches[0].recording_mbid for key, matches in news.items() if matches}
        record_acoustid(work, best)

    if news:
        _keep(file, Phase.FINGERPRINTING, fill)
    answers = known | news
    file.candidates = {span: answers[key] for span, key in keys.items() if key in answers}
    file.context.statistics.found(
        Findings(
            fingerprints=len(file.candidates),
            recognised=sum(map(bool, file.candidates.values())),
        )
    )


def match_songs(file: FileInProgress) -> None:
    """Decide which recording each passage is, and collect its title, artists and works."""
    tags = file.tags
    spans = [(each.start_time_ticks, each.end_time_ticks) for each in file.analysis.passages]
    matches = match_passages(
        [
            Evidence(
                span=span,
                title=tags.title,
                tagged_recording=tags.recording_mbid,
                candidates=file.candidates.get(span, ()),
            )
            for span in spans
        ]
    )
    described = _described(file, matches.values())
    file.passages = [
        recorded_passage(
            tags,
            span,
            matches[span],
            described.get(matches[span].recording_mbid or ""),
            several=len(spans) > 1,
        )
        for span in spans
    ]
    levels = [match.level for match in matches.values() if match.recording_mbid is not None]
    file.context.statistics.found(
        Findings(
            passages=len(spans),
            high=levels.count(Level.HIGH),
            medium=levels.count(Level.MEDIUM),
            low=levels.count(Level.LOW),
            unidentified=len(spans) - len(levels),
        )
    )


def _described(
    file: FileInProgress, matches: Iterable[Match]
) -> Mapping[str, MusicBrainzRecording | None]:
    """Return MusicBrainz's data about recordings that the tags do not fully describe."""
    musicbrainz = file.context.musicbrainz
    wanted = {
        match.recording_mbid
        for match in matches
        if match.recording_mbid is not None and not is_described(match, file.tags)
    }
    if musicbrainz is None or not wanted:
        return {}
    known = _kept(file, MUSICBRAINZ, wanted, recording_of_answer)
    news = _asked(wanted - set(known), musicbrainz.recording)

    def fill(work: UnitOfWork) -> None:
        record_answers(work, MUSICBRAINZ, {key: answer_of_recording(news[key]) for key in news})

    if news:
        _keep(file, Phase.SONG_MATCHING, fill)
    return known | news


def _kept(
    file: FileInProgress,
    service: str,
    keys: Iterable[str],
    read: Callable[[Mapping[str, object]], T],
) -> dict[str, T]:
    """Return the service's stored answers, without those that cannot be read."""
    answers: dict[str, Answer] = read_answers(file.context.library, service, keys)
    kept: dict[str, T] = {}
    for key, answer in answers.items():
        try:
            kept[key] = read(answer)
        except StoredValueError as error:
            logger.warning("%s", error)
    return kept


def _asked(keys: Iterable[str], ask: Callable[[str], T]) -> dict[str, T]:
    """Ask the service for each key, until it is unavailable."""
    answers: dict[str, T] = {}
    for key in sorted(keys):
        try:
            answers[key] = ask(key)
        except ServiceUnavailableError as error:
            logger.debug("%s", error)
            break
    return answers


def _keep(file: FileInProgress, phase: Phase, fill: Callable[[UnitOfWork], None]) -> None:
    """Store answers for later imports; a file does not fail if they cannot be stored."""
    try:
        file.write(phase, fill)
    except FlushError as error:
        if isinstance(error, FATAL_ERRORS):
            raise
        logger.warning("%s: answers of a web service were not kept: %s", file.path, error)


def _seconds(span: Span) -> int:
    return (span[1] - span[0]) // TICKS_PER_SECOND
