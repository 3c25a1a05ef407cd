"""Decides which recording a passage is, from what its tags, its fingerprint and its length say.

Pure: numbers and texts.

A candidate's confidence is the weighted sum of three likenesses, each 0 to 1:

                        title   fingerprint   length
    one passage a file   0.30          0.60     0.10
    several              0.35          0.55     0.10

The title counts 0.8 if it is the tag's and 0.3 if it is not or none is known, the fingerprint what
AcoustID says, the length as `duration_likeness` does. From 0.85 on the level is High and the match
accepted, from 0.70 Medium and from 0.60 Low, both for a person to review; below, the passage has
no song. A title alone identifies nothing: the level is Low, at 0.65, and there is no recording.

A recording id in the tags is an identity by itself, of 1.0: a tagger or a person wrote down what
this is, and a fingerprint alone cannot tell a remaster from its original. If AcoustID is sure (at
least 0.85 alike) and names only other recordings, the id is kept but reviewed, at 0.70; in a file
of several passages the better of the two is taken, since the id cannot be every passage's.

Neighbouring passages without a song are not merged, which the Rust service did: an album rip that
no service was asked about would become one passage an album long, and where passages begin would
depend on whether a web service answered that day.
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
"""A passage ends where its sound does; half of all tracks have half a second of silence after it,
and encoders pad."""
OTHER_LENGTH_S: Final = 30.0

_AS_TYPED: Final = str.maketrans(
    "\u2018\u2019\u201a\u201c\u201d\u2010\u2011\u2012\u2013\u2014\u2212", "'''\"\"------"
)


class Level(StrEnum):
    """How sure a match is."""

    HIGH = "High"
    MEDIUM = "Medium"
    LOW = "Low"
    NONE = "None"


class Decision(StrEnum):
    """What is to be done with a match."""

    ACCEPT = "Accept"
    REVIEW = "Review"
    REJECT = "Reject"


class Source(StrEnum):
    """What a match was made by."""

    TAGS = "tags"
    FINGERPRINT = "fingerprint"
    TITLE = "title"
    NOTHING = "nothing"


class Weights(NamedTuple):
    """What each likeness counts; together 1."""

    title: float
    fingerprint: float
    duration: float


ONE_PASSAGE: Final = Weights(0.30, 0.60, 0.10)
SEVERAL_PASSAGES: Final = Weights(0.35, 0.55, 0.10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of one passage: its span, its tags, and what AcoustID linked to its sound."""

    span: Span
    title: str | None = None
    tagged_recording: str | None = None
    candidates: tuple[AcoustidMatch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which recording a passage is, if any. `confidence` is None when there was nothing to weigh.

    `candidate` is what AcoustID says of the recording. `conflicts` are recordings that the
    fingerprint is sure of and the tags contradict.
    """

    recording_mbid: str | None
    confidence: float | None
    source: Source
    candidate: AcoustidMatch | None = None
    conflicts: tuple[str, ...] = ()

    @property
    def level(self) -> Level:
        """How sure it is."""
        return level_of(self.confidence)

    @property
    def decision(self) -> Decision:
        """What is to be done with it."""
        return decision_of(self.confidence)


def match_passages(passages: Sequence[Evidence]) -> dict[Span, Match]:
    """Match all passages of one file, by span.

    By span and not by position: passages too short for a fingerprint would otherwise shift their
    neighbours' songs onto themselves.
    """
    several = len(passages) > 1
    return {passage.span: _matched(passage, several=several) for passage in passages}


def score(*, title: float, fingerprint: float, duration: float, several: bool = False) -> float:
    """Weigh three likenesses, each 0 to 1 (what lies outside is brought in); the answer is too."""
    weights = SEVERAL_PASSAGES if several else ONE_PASSAGE
    parts = zip(weights, (title, fingerprint, duration), strict=True)
    return _unit(sum(weight * _unit(likeness) for weight, likeness in parts))


def level_of(confidence: float | None) -> Level:
    """Return the level of a confidence; None is no match."""
    if confidence is None or confidence < LOW:
        return Level.NONE
    if confidence < MEDIUM:
        return Level.LOW
    return Level.MEDIUM if confidence < HIGH else Level.HIGH


def decision_of(confidence: float | None) -> Decision:
    """Return what is to be done with a match of a confidence; None is no match."""
    if confidence is None or confidence < LOW:
        return Decision.REJECT
    return Decision.REVIEW if confidence < HIGH else Decision.ACCEPT


def title_likeness(tagged: str | None, candidate: str | None) -> float:
    """Compare two titles as people type them: without case, width, accent form or curly quotes."""
    alike = tagged is not None and candidate is not None and _folded(tagged) == _folded(candidate)
    return SAME_TITLE if alike else OTHER_TITLE


def duration_likeness(span: Span, duration_s: float | None) -> float:
    """Compare a passage's length with a recording's: 1 up to 3 s apart, falling to 0 at 30 s.

    An unknown length contradicts nothing: 1.
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
    """Return the candidate of the highest confidence; of equal ones, that with most sources."""
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
    # NaN compares false with everything: it is no likeness.
    return min(value, 1.0) if value > 0.0 else 0.0
