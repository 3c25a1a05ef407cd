"""The answers of AcoustID and MusicBrainz as values, and their conversion to JSON for storage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from wkmp_orm.errors import StoredValueError

Answer: TypeAlias = dict[str, Any]
"""A JSON object to store; the empty object means that the service found nothing."""


@dataclass(frozen=True, slots=True)
class CreditedArtist:
    """An artist's name in a recording's credit, and the artist's MusicBrainz id."""

    name: str
    mbid: str | None = None


@dataclass(frozen=True, slots=True)
class PerformedWork:
    """A composition that is performed in a recording."""

    mbid: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AcoustidMatch:
    """One recording that AcoustID links to a fingerprint; `score` is the likeness, 0 to 1.

    `duration_s` is the recording's length in seconds. `sources` is the number of submissions that
    linked the two: if two recordings have the same score, the one with more sources is usually
    right.
    """

    recording_mbid: str
    score: float
    title: str | None = None
    artists: tuple[CreditedArtist, ...] = ()
    duration_s: float | None = None
    sources: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MusicBrainzRecording:
    """A recording as MusicBrainz describes it.

    `mbid` is its present id, which differs from the requested one if two recordings were merged.
    `artist_credit` is the credit as printed ("Ike & Tina Turner"), and `artists` are the artists in
    it. `first_release_date` has the known precision: "1965", "1965-06" or "1965-06-01".
    """

    mbid: str
    title: str
    artist_credit: str | None = None
    artists: tuple[CreditedArtist, ...] = ()
    works: tuple[PerformedWork, ...] = ()
    length_ms: int | None = None
    first_release_date: str | None = None


def answer_of_matches(matches: tuple[AcoustidMatch, ...]) -> Answer:
    """Return the answer to store for AcoustID's matches; empty if there are none."""
    return {"matches": [_plain(asdict(match)) for match in matches]} if matches else {}


def matches_of_answer(answer: Mapping[str, Any]) -> tuple[AcoustidMatch, ...]:
    """Return AcoustID's matches in a stored answer. Raises StoredValueError if it is damaged."""
    try:
        return tuple(
            AcoustidMatch(**kept | {"artists": _artists(kept)})
            for kept in answer.get("matches", ())
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise _damaged("AcoustID") from error


def answer_of_recording(recording: MusicBrainzRecording | None) -> Answer:
    """Return the answer to store for MusicBrainz' recording; empty if there is none."""
    return {"recording": _plain(asdict(recording))} if recording else {}


def recording_of_answer(answer: Mapping[str, Any]) -> MusicBrainzRecording | None:
    """Return the recording in a stored answer. Raises StoredValueError if it is damaged."""
    if not answer:
        return None
    try:
        kept = answer["recording"]
        works = tuple(PerformedWork(**work) for work in kept["works"])
        return MusicBrainzRecording(**kept | {"artists": _artists(kept), "works": works})
    except (AttributeError, KeyError, TypeError) as error:
        raise _damaged("MusicBrainz") from error


def _artists(kept: Mapping[str, Any]) -> tuple[CreditedArtist, ...]:
    return tuple(CreditedArtist(**artist) for artist in kept["artists"])


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    # JSON turns tuples into lists; the value to store must equal the one that is read.
    return {name: [*value] if isinstance(value, tuple) else value for name, value in fields.items()}


def _damaged(service: str) -> StoredValueError:
    return StoredValueError(
        f"a stored answer of {service} cannot be read: delete it to ask the service again"
    )
