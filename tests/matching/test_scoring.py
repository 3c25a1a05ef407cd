"""A match is as sure as its evidence: bounded, never less sure for better evidence, by passage."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.sound import mbid
from wkmp_orm.matching import AcoustidMatch, Decision, Evidence, Level, Source, match_passages
from wkmp_orm.matching.scoring import (
    ONE_PASSAGE,
    SEVERAL_PASSAGES,
    decision_of,
    duration_likeness,
    level_of,
    score,
    title_likeness,
)
from wkmp_orm.ticks import TICKS_PER_SECOND

likenesses = st.floats(0, 1)
anything = st.floats(allow_nan=True, allow_infinity=True)
SPAN = (0, 200 * TICKS_PER_SECOND)


def candidate(number: int, alike: float, **known: object) -> AcoustidMatch:
    return AcoustidMatch(recording_mbid=mbid(number), score=alike, **known)  # type: ignore[arg-type]


@given(anything, anything, anything, st.booleans())
def test_a_score_lies_between_0_and_1(a: float, b: float, c: float, several: bool) -> None:  # noqa: FBT001
    assert 0.0 <= score(title=a, fingerprint=b, duration=c, several=several) <= 1.0


@given(likenesses, likenesses, likenesses, likenesses, st.booleans())
def test_more_likeness_is_never_less_sure(
    title: float,
    fingerprint: float,
    duration: float,
    more: float,
    several: bool,  # noqa: FBT001
) -> None:
    before = score(title=title, fingerprint=fingerprint, duration=duration, several=several)
    better = {
        "title": max(title, more),
        "fingerprint": max(fingerprint, more),
        "duration": max(duration, more),
    }
    for name, value in better.items():
        likeness = {"title": title, "fingerprint": fingerprint, "duration": duration} | {
            name: value
        }
        assert score(**likeness, several=several) >= before - 1e-12


@pytest.mark.parametrize(
    ("several", "expected"),
    [
        pytest.param(False, 0.30 * 0.8 + 0.60 * 0.9 + 0.10 * 0.5, id="one passage"),
        pytest.param(True, 0.35 * 0.8 + 0.55 * 0.9 + 0.10 * 0.5, id="several"),
    ],
)
def test_the_weights_are_the_documented_ones(several: bool, expected: float) -> None:  # noqa: FBT001
    found = score(title=0.8, fingerprint=0.9, duration=0.5, several=several)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("confidence", "level", "decision"),
    [
        (1.0, Level.HIGH, Decision.ACCEPT),
        (0.85, Level.HIGH, Decision.ACCEPT),
        (0.8499, Level.MEDIUM, Decision.REVIEW),
        (0.70, Level.MEDIUM, Decision.REVIEW),
        (0.6999, Level.LOW, Decision.REVIEW),
        (0.60, Level.LOW, Decision.REVIEW),
        (0.5999, Level.NONE, Decision.REJECT),
        (0.0, Level.NONE, Decision.REJECT),
        (None, Level.NONE, Decision.REJECT),
    ],
)
def test_levels_and_decisions_begin_where_documented(
    confidence: float | None, level: Level, decision: Decision
) -> None:
    assert level_of(confidence) is level
    assert decision_of(confidence) is decision


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("tagged", "candidate", "alike"),
    [
        ("Sinnerman", "SINNERMAN", True),
        ("Don't Stop", "Don\u2019t Stop", True),
        ("Cafe\u0301", "caf\u00e9", True),
        ("Stra\u00dfe", "STRASSE", True),
        ("  one   two ", "One Two", True),
        ("A\u2013B", "A-B", True),
        ("\uff33\uff29\uff2e", "sin", True),
        ("Sinnerman", "Sinnerman (live)", False),
        (None, "Sinnerman", False),
        ("Sinnerman", None, False),
        (None, None, False),
    ],
    ids=ascii,
)
def test_titles_are_compared_as_people_type_them(
    tagged: str | None,
    candidate: str | None,
    alike: bool,  # noqa: FBT001
) -> None:
    assert title_likeness(tagged, candidate) == (0.8 if alike else 0.3)
    assert title_likeness(candidate, tagged) == title_likeness(tagged, candidate)


@given(st.floats(0, 5_000), st.floats(0, 5_000))
def test_a_length_that_is_further_off_is_never_more_alike(one: float, two: float) -> None:
    near, far = sorted((one, two), key=lambda length: abs(length - 200))
    assert 0.0 <= duration_likeness(SPAN, far) <= duration_likeness(SPAN, near) <= 1.0


@pytest.mark.parametrize(
    ("length_s", "expected"),
    [(None, 1.0), (200, 1.0), (203, 1.0), (197, 1.0), (216.5, 0.5), (230, 0.0), (9, 0.0)],
)
def test_lengths_are_compared_for_real(length_s: float | None, expected: float) -> None:
    assert duration_likeness(SPAN, length_s) == pytest.approx(expected)


def test_the_best_candidate_is_the_one_whose_title_and_length_agree() -> None:
    evidence = Evidence(
        span=SPAN,
        title="Sinnerman",
        candidates=(
            candidate(1, 0.95, title="Feeling Good", duration_s=200.0),
            candidate(2, 0.95, title="Sinnerman", duration_s=622.0),
            candidate(3, 0.95, title="Sinnerman", duration_s=199.0),
        ),
    )
    match = match_passages([evidence])[SPAN]
    assert match.recording_mbid == mbid(3)
    assert match.candidate == evidence.candidates[2]
    assert match.confidence == pytest.approx(0.30 * 0.8 + 0.60 * 0.95 + 0.10)
    assert (match.level, match.decision) == (Level.HIGH, Decision.ACCEPT)
    assert match.source is Source.FINGERPRINT


def test_of_equal_candidates_the_one_with_more_sources_is_taken_whatever_their_order() -> None:
    candidates = [candidate(n, 0.9, sources=n if n < 5 else 1) for n in range(9)]
    for seed in range(5):
        random.Random(seed).shuffle(candidates)
        match = match_passages([Evidence(span=SPAN, candidates=tuple(candidates))])[SPAN]
        assert match.recording_mbid == mbid(4)


def test_a_recording_id_in_the_tags_is_an_identity_of_its_own() -> None:
    match = match_passages([Evidence(span=SPAN, tagged_recording=mbid(1))])[SPAN]
    assert (match.recording_mbid, match.confidence) == (mbid(1), 1.0)
    assert (match.level, match.source) == (Level.HIGH, Source.TAGS)


def test_tags_that_the_fingerprint_bears_out_stay_sure() -> None:
    evidence = Evidence(
        span=SPAN,
        tagged_recording=mbid(1),
        candidates=(candidate(2, 1.0), candidate(1, 0.4, title="Sinnerman")),
    )
    match = match_passages([evidence])[SPAN]
    assert (match.recording_mbid, match.confidence, match.conflicts) == (mbid(1), 1.0, ())
    assert match.candidate == evidence.candidates[1]


def test_tags_that_the_fingerprint_contradicts_are_kept_for_review() -> None:
    evidence = Evidence(
        span=SPAN, tagged_recording=mbid(1), candidates=(candidate(2, 0.9), candidate(3, 0.5))
    )
    match = match_passages([evidence])[SPAN]
    assert (match.recording_mbid, match.confidence) == (mbid(1), 0.70)
    assert match.decision is Decision.REVIEW
    assert match.conflicts == (mbid(2),)


def test_one_id_cannot_be_every_passages() -> None:
    first, second = (0, SPAN[1]), (SPAN[1], 2 * SPAN[1])
    matches = match_passages(
        [
            Evidence(span=first, tagged_recording=mbid(1), candidates=(candidate(1, 0.9),)),
            Evidence(span=second, tagged_recording=mbid(1), candidates=(candidate(2, 0.95),)),
        ]
    )
    assert matches[first].recording_mbid == mbid(1)
    assert matches[second].recording_mbid == mbid(2)
    assert matches[second].source is Source.FINGERPRINT


def test_a_title_alone_is_of_low_confidence_and_no_recording() -> None:
    match = match_passages([Evidence(span=SPAN, title="Sinnerman")])[SPAN]
    assert (match.recording_mbid, match.confidence, match.level) == (None, 0.65, Level.LOW)
    assert match.source is Source.TITLE


def test_of_nothing_the_confidence_is_unknown_and_not_zero() -> None:
    match = match_passages([Evidence(span=SPAN)])[SPAN]
    assert (match.recording_mbid, match.confidence, match.level) == (None, None, Level.NONE)


@given(st.floats(0, 1), st.booleans())
def test_a_candidate_below_the_lowest_level_is_no_song(alike: float, titled: bool) -> None:  # noqa: FBT001
    evidence = Evidence(
        span=SPAN, title="x" if titled else None, candidates=(candidate(1, alike, title="y"),)
    )
    match = match_passages([evidence])[SPAN]
    weighed = score(title=0.3, fingerprint=alike, duration=1.0)
    assert (match.recording_mbid is not None) == (weighed >= 0.60)
    assert match.confidence is None or 0.60 <= match.confidence <= 1.0


@given(st.permutations(range(6)))
def test_results_are_by_passage_and_not_by_position(order: list[int]) -> None:
    # Passages 1 and 4 are too short for a fingerprint.
    evidence = {
        n: Evidence(
            span=(n, n + 1), candidates=() if n in (1, 4) else (candidate(n, 1.0, title="x"),)
        )
        for n in range(6)
    }
    matches = match_passages([evidence[n] for n in order])
    for n in range(6):
        expected = None if n in (1, 4) else mbid(n)
        assert matches[n, n + 1].recording_mbid == expected


def test_no_passages_no_matches() -> None:
    assert match_passages([]) == {}


def test_all_likenesses_together_count_1() -> None:
    assert sum(ONE_PASSAGE) == pytest.approx(1.0)
    assert sum(SEVERAL_PASSAGES) == pytest.approx(1.0)
