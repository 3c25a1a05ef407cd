"""Decides on the recording of a passage by its tags, its fingerprint and its length.

A candidate's confidence is the weighted sum of three likenesses, each 0 to 1:

                        title   fingerprint   length
    one passage a file   0.30          0.60     0.10
    several              0.35          0.55     0.10

The likeness of the title is 0.8 if it equals the tag's title, and 0.3 if it differs or is unknown;
the fingerprint's is AcoustID's score; the length's is computed by `duration_likeness`. From 0.85 on
the level is High, and the match is accepted. From 0.70 on it is Medium and from 0.60 on Low; both
need a person's review. Below that the passage has no song. A title alone identifies no recording:
its level is Low, at 0.65.

A recording id in the tags is sufficient, with a confidence of 1.0: a tagger or a person has
identified the recording, and a fingerprint alone cannot distinguish a remaster from its original.
If AcoustID is sure (a score of at least 0.85) and names only other recordings, the id is kept at
0.70 and needs review. In a file of several passages the better of the two counts, because the id
cannot belong to every passage.

Adjacent passages without a song are not merged, unlike in the Rust service. Otherwise an album rip
that no service was asked about would become one passage as long as the album, and the division into
passages would depend on whether a web service answered.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from wkmp_orm.ticks import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wkmp_orm.matching.answers import AcoustidMatch

Span: TypeAlias = tuple[int, int]
"""Start and end of a passage, in ticks from its file's start."""

HIGH: Final = 0.85
MEDIUM: Final = 0.70
LOW: Final = 0.60

SAME_TITLE: Final = 0.8
OTHER_TITLE: Final = 0.3
TITLE_ALONE: Final = 0.65
TAGGED: Final = 1.0
TAGGED_BUT_CONTRADICTED: Final = 0.70

SAME_LENGTH_S: Final = 3.0
"""A passage ends with its sound, but half of all tracks have half a second of silence after it, and
encoders add padding."""
OTHER_LENGTH_S: Final = 30.0

_AS_TYPED: Final = str.maketrans(
    "\u2018\u2019\u201a\u201c\u201d\u2010\u2011\u2012\u2013\u2014\u2212", "'''\"\"------"
)


class Level(StrEnum):
    """The level of confidence of a match."""

    HIGH = "High"
    MEDIUM = "Medium"
    LOW = "Low"
    NONE = "None"


class Decision(StrEnum):
    """What to do with a match."""

    ACCEPT = "Accept"
    REVIEW = "Review"
    REJECT = "Reject"


class Source(StrEnum):
    """The evidence that led to a match."""

    TAGS = "tags"
    FINGERPRINT = "fingerprint"
    TITLE = "title"
    NOTHING = "nothing"


class Weights(NamedTuple):
    """The weights of the likenesses; they sum to 1."""

    title: float
    fingerprint: float
    duration: float


ONE_PASSAGE: Final = Weights(0.30, 0.60, 0.10)
SEVERAL_PASSAGES: Final = Weights(0.35, 0.55, 0.10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The data on one passage: its span, its tags, and AcoustID's candidates for its sound."""

    span: Span
    title: str | None = None
    tagged_recording: str | None = None
    candidates: tuple[AcoustidMatch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The recording of a passage, if any. `confidence` is None if there was no evidence.

    `candidate` is AcoustID's match for the recording. `conflicts` are recordings for which the
    fingerprint is sure but the tags disagree.
    """

    recording_mbid: str | None
    confidence: float | None
    source: Source
    candidate: AcoustidMatch | None = None
    conflicts: tuple[str, ...] = ()

    @property
    def level(self) -> Level:
        """The level of its confidence."""
        return level_of(self.confidence)

    @property
    def decision(self) -> Decision:
        """What to do with it."""
        return decision_of(self.confidence)


def match_passages(passages: Sequence[Evidence]) -> dict[Span, Match]:
    """Return the matches of all passages of one file, by span.

    Positions in a list would be wrong: passages that are too short for a fingerprint would get the
    songs of their neighbours.
    """
    several = len(passages) > 1
    return {passage.span: _matched(passage, several=several) for passage in passages}


def score(*, title: float, fingerprint: float, duration: float, several: bool = False) -> float:
    """Return the weighted sum of three likenesses; they are clamped to 0 to 1."""
    weights = SEVERAL_PASSAGES if several else ONE_PASSAGE
    parts = zip(weights, (title, fingerprint, duration), strict=True)
    return _unit(sum(weight * _unit(likeness) for weight, likeness in parts))


def level_of(confidence: float | None) -> Level:
    """Return the level of a confidence; None means that there is no match."""
    if confidence is None or confidence < LOW:
        return Level.NONE
    if confidence < MEDIUM:
        return Level.LOW
    return Level.MEDIUM if confidence < HIGH else Level.HIGH


def decision_of(confidence: float | None) -> Decision:
    """Return what to do with a match of this confidence; None means that there is no match."""
    if confidence is None or confidence < LOW:
        return Decision.REJECT
    return Decision.REVIEW if confidence < HIGH else Decision.ACCEPT


def title_likeness(tagged: str | None, candidate: str | None) -> float:
    """Compare two titles, ignoring case, width, the form of accents, and curly quotes."""
    alike = tagged is not None and candidate is not None and _folded(tagged) == _folded(candidate)
    return SAME_TITLE if alike else OTHER_TITLE


def duration_likeness(span: Span, duration_s: float | None) -> float:
    """Compare a passage's length with a recording's: 1 up to 3 s apart, falling to 0 at 30 s.

    An unknown length gives 1.
    """
    if duration_s is None:
        return 1.0
    apart_s = abs((span[1] - span[0]) / TICKS_PER_SECOND - duration_s)
    return _unit((OTHER_LENGTH_S - apart_s) / (OTHER_LENGTH_S - SAME_LENGTH_S))


def _matched(passage: Evidence, *, several: bool) -> Match:
    best, confidence = _best(passage, several=several)
    sure = tuple(each.recording_mbid for each in passage.candidates if each.score >= HIGH)
    by_sound = Match(
        recording_mbid=best.recording_mbid if best else None,
        confidence=confidence,
        source=Source.FINGERPRINT,
        candidate=best,
    )
    if (tagged := passage.tagged_recording) is not None:
        named = next((c for c in passage.candidates if c.recording_mbid == tagged), None)
        contradicted = bool(sure) and named is None
        if contradicted and several and confidence > TAGGED_BUT_CONTRADICTED:
            return by_sound
        return Match(
            recording_mbid=tagged,
            confidence=TAGGED_BUT_CONTRADICTED if contradicted else TAGGED,
            source=Source.TAGS,
            candidate=named,
            conflicts=sure if contradicted else (),
        )
    if confidence >= LOW:
        return by_sound
    if passage.title is not None:
        return Match(recording_mbid=None, confidence=TITLE_ALONE, source=Source.TITLE)
    return Match(recording_mbid=None, confidence=None, source=Source.NOTHING)


def _best(passage: Evidence, *, several: bool) -> tuple[AcoustidMatch | None, float]:
    """Return the candidate with the highest confidence; among equal ones, most sources win."""
    ranked = [
        (
            score(
                title=title_likeness(passage.title, each.title),
                fingerprint=each.score,
                duration=duration_likeness(passage.span, each.duration_s),
                several=several,
            ),
            each.sources or 0,
            each.recording_mbid,
            each,
        )
        for each in passage.candidates
    ]
    if not ranked:
        return None, 0.0
    confidence, _, _, best = max(ranked, key=lambda entry: entry[:3])
    return best, confidence


def _folded(title: str) -> str:
    as_typed = unicodedata.normalize("NFKC", title).translate(_AS_TYPED).casefold()
    return " ".join(unicodedata.normalize("NFKC", as_typed).split())


def _unit(value: float) -> float:
    # Every comparison with NaN is false, so NaN gives 0.
    return min(value, 1.0) if value > 0.0 else 0.0
