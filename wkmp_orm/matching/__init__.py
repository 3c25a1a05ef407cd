"""Identifies the recording of a passage, with two web services and a score of their answers.

    with AcoustidClient(key, stop=stop) as acoustid:
        candidates = acoustid.lookup(fingerprint, 217)    # ServiceUnavailableError: go on without
    matches = match_passages([Evidence(span=span, title="Sinnerman", candidates=candidates)])

The clients, `acoustid` and `musicbrainz`, send requests through `web_service`, which keeps the rate
limits of the services (`politeness`) and runs each request in an `exchange`. `answers` contains
what is stored of a reply, and `scoring` combines that with the tags.

Only the clients need the `online` extra: without it, creating one raises ConfigurationError.
"""

from __future__ import annotations

from wkmp_orm.matching.acoustid import ACOUSTID_INTERVAL_S, ACOUSTID_URL, AcoustidClient
from wkmp_orm.matching.answers import (
    AcoustidMatch,
    Answer,
    CreditedArtist,
    MusicBrainzRecording,
    PerformedWork,
    answer_of_matches,
    answer_of_recording,
    matches_of_answer,
    recording_of_answer,
)
from wkmp_orm.matching.musicbrainz import (
    MUSICBRAINZ_INTERVAL_S,
    MUSICBRAINZ_URL,
    MusicBrainzClient,
)
from wkmp_orm.matching.scoring import (
    Decision,
    Evidence,
    Level,
    Match,
    Source,
    Span,
    match_passages,
)
from wkmp_orm.matching.web_service import can_ask, is_at

__all__ = [
    "ACOUSTID_INTERVAL_S",
    "ACOUSTID_URL",
    "MUSICBRAINZ_INTERVAL_S",
    "MUSICBRAINZ_URL",
    "AcoustidClient",
    "AcoustidMatch",
    "Answer",
    "CreditedArtist",
    "Decision",
    "Evidence",
    "Level",
    "Match",
    "MusicBrainzClient",
    "MusicBrainzRecording",
    "PerformedWork",
    "Source",
    "Span",
    "answer_of_matches",
    "answer_of_recording",
    "can_ask",
    "is_at",
    "match_passages",
    "matches_of_answer",
    "recording_of_answer",
]
