"""What AcoustID and MusicBrainz can say of a piece of sound, and the same as JSON to keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from wkmp_orm.errors import StoredValueError

Answer: TypeAlias = dict[str, Any]
"""A JSON object that can be kept and read again; the empty one says: the service knows nothing."""


@dataclass(frozen=True, slots=True)
class CreditedArtist:
    """An artist as the recording's credit names them, and their MusicBrainz id."""

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

    `duration_s` is the recording's length. `sources` is how many submissions linked the two: of two
    recordings with one score, the right one is usually the one that more people named.
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

    `mbid` is the id that it has now: another one than was asked for, if two were merged.
    `artist_credit` is the credit as it is printed ("Ike & Tina Turner"), `artists` who is in it.
    `first_release_date` has the precision that is known: "1965", "1965-06" or "1965-06-01".
    """

    mbid: str
    title: str
    artist_credit: str | None = None
    artists: tuple[CreditedArtist, ...] = ()
    works: tuple[PerformedWork, ...] = ()
    length_ms: int | None = None
    first_release_date: str | None = None


def answer_of_matches(matches: tuple[AcoustidMatch, ...]) -> Answer:
    """Return the answer to keep for what AcoustID found, empty when that is nothing."""
    return {"matches": [_plain(asdict(match)) for match in matches]} if matches else {}


def matches_of_answer(answer: Mapping[str, Any]) -> tuple[AcoustidMatch, ...]:
    """Return what AcoustID found from a kept answer. Raises StoredValueError if it is damaged."""
    try:
        return tuple(
            AcoustidMatch(**kept | {"artists": _artists(kept)})
            for kept in answer.get("matches", ())
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise _damaged("AcoustID") from error


def answer_of_recording(recording: MusicBrainzRecording | None) -> Answer:
    """Return the answer to keep for what MusicBrainz knows, empty when that is nothing."""
    return {"recording": _plain(asdict(recording))} if recording else {}


def recording_of_answer(answer: Mapping[str, Any]) -> MusicBrainzRecording | None:
    """Return what MusicBrainz knows from a kept answer. Raises StoredValueError if damaged."""
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
    # A tuple becomes a list in JSON: what is kept must equal what is read.
    return {name: [*value] if isinstance(value, tuple) else value for name, value in fields.items()}


def _damaged(service: str) -> StoredValueError:
    return StoredValueError(
        f"a kept answer of {service} cannot be read: delete it, and the service is asked again"
    )
