"""An answer that was kept as JSON is the answer that was given."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wkmp_orm.errors import StoredValueError
from wkmp_orm.matching import (
    AcoustidMatch,
    CreditedArtist,
    MusicBrainzRecording,
    PerformedWork,
    answer_of_matches,
    answer_of_recording,
    matches_of_answer,
    recording_of_answer,
)

mbids = st.uuids().map(str)
texts = st.text(min_size=1, max_size=20)
numbers = st.floats(0, 1)
artists = st.lists(st.builds(CreditedArtist, name=texts, mbid=st.none() | mbids), max_size=3).map(
    tuple
)
matches = st.lists(
    st.builds(
        AcoustidMatch,
        recording_mbid=mbids,
        score=numbers,
        title=st.none() | texts,
        artists=artists,
        duration_s=st.none() | numbers,
        sources=st.none() | st.integers(0, 99),
    ),
    max_size=4,
).map(tuple)
recordings = st.builds(
    MusicBrainzRecording,
    mbid=mbids,
    title=texts,
    artist_credit=st.none() | texts,
    artists=artists,
    works=st.lists(st.builds(PerformedWork, mbid=mbids, title=texts), max_size=3).map(tuple),
    length_ms=st.none() | st.integers(1, 10_000_000),
    first_release_date=st.none() | texts,
)


@given(matches)
def test_matches_survive_json(found: tuple[AcoustidMatch, ...]) -> None:
    answer = answer_of_matches(found)
    assert json.loads(json.dumps(answer)) == answer
    assert matches_of_answer(json.loads(json.dumps(answer))) == found


@given(st.none() | recordings)
def test_a_recording_survives_json(found: MusicBrainzRecording | None) -> None:
    answer = answer_of_recording(found)
    assert json.loads(json.dumps(answer)) == answer
    assert recording_of_answer(json.loads(json.dumps(answer))) == found


def test_nothing_found_is_the_empty_answer() -> None:
    assert answer_of_matches(()) == answer_of_recording(None) == {}
    assert matches_of_answer({}) == ()
    assert recording_of_answer({}) is None


@pytest.mark.parametrize(
    "damaged",
    [{"matches": [{}]}, {"matches": 7}, {"matches": [{"artists": [1]}]}, {"matches": ["x"]}],
    ids=str,
)
def test_damaged_matches_are_no_answer(damaged: dict[str, Any]) -> None:
    with pytest.raises(StoredValueError, match="AcoustID"):
        matches_of_answer(damaged)


@pytest.mark.parametrize(
    "damaged",
    [{"x": 1}, {"recording": None}, {"recording": {"artists": [], "works": [], "new": 1}}],
    ids=str,
)
def test_a_damaged_recording_is_no_answer(damaged: dict[str, Any]) -> None:
    with pytest.raises(StoredValueError, match="MusicBrainz"):
        recording_of_answer(damaged)
