"""Which recording a passage is: two web services that can be asked, and how answers are weighed.

    with AcoustidClient(key, stop=stop) as acoustid:
        candidates = acoustid.lookup(fingerprint, 217)    # ServiceUnavailableError: go on without
    matches = match_passages([Evidence(span=span, title="Sinnerman", candidates=candidates)])

The clients, `acoustid` and `musicbrainz`, ask through `web_service`, which keeps to the rates that
the services allow (`politeness`) and sends each request by an `exchange`. `answers` are what is
kept of a reply, and `scoring` weighs them with what tags say.

A client needs the `online` extra, the rest does not: without it, making a client is a
ConfigurationError.
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
