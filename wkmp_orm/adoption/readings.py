"""Defines how old values are converted: by the type of our column, and for a few by its name.

A `Reading` contains SQL expressions on `{x}`, the old value. `exact` gives the equivalent value in
our format, or NULL if there is none; `rough` gives an approximation; `else_` is used if both are
NULL. Each value that is not exact is reported with its row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from wkmp_orm.core.policy import Policy, policy_of
from wkmp_orm.core.types import EnumText, Guid, Json, Stored, UtcDateTime
from wkmp_orm.mbid import Mbid
from wkmp_orm.ticks import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEX: Final = "[0-9a-f]"
GUID_PATTERN: Final = "'" + "-".join(_HEX * n for n in (8, 4, 4, 4, 12)) + "'"
NOW: Final = "strftime('%Y-%m-%d %H:%M:%S', 'now')"
NOW_RFC3339: Final = "strftime('%Y-%m-%dT%H:%M:%f000+00:00', 'now')"
LONG_AGO: Final = "'1970-01-01T00:00:00.000000+00:00'"


@dataclass(frozen=True, slots=True)
class Reading:
    """SQL expressions on `{x}`, an old value. Other old columns of the row are `o."name"`."""

    exact: str
    rough: str = "NULL"
    else_: str = "NULL"

    def sql(self, x: str) -> str:
        """Return the whole expression."""
        parts = [each.format(x=x) for each in (self.exact, self.rough, self.else_)]
        parts = [each for each in parts if each != "NULL"]
        return parts[0] if len(parts) == 1 else f"coalesce({', '.join(parts)})"


TEXT: Final = Reading(
    "CASE typeof({x}) WHEN 'text' THEN {x} WHEN 'blob' THEN adopt_text({x})"
    " WHEN 'null' THEN NULL ELSE CAST({x} AS TEXT) END"
)
WHOLE: Final = Reading(
    "CASE typeof({x}) WHEN 'integer' THEN {x} WHEN 'null' THEN NULL ELSE adopt_whole({x}) END",
    "adopt_leading({x})",
)
NUMBER: Final = Reading(
    "CASE WHEN typeof({x}) IN ('integer', 'real') THEN CAST({x} AS REAL)"
    " WHEN {x} IS NULL THEN NULL ELSE adopt_real({x}) END"
)
GUID: Final = Reading(
    f"CASE WHEN {{x}} GLOB {GUID_PATTERN} THEN CAST({{x}} AS TEXT)"
    " WHEN {x} IS NULL THEN NULL ELSE adopt_guid({x}) END"
)
_TIMES: Final[Mapping[Stored, Reading]] = {
    # The modifier makes SQLite normalize 30 February, so it differs. `substr` gives a text: the
    # column's affinity would turn '0001' into a number.
    Stored.SECONDS: Reading(
        "CASE WHEN {x} IS NULL THEN NULL"
        " WHEN typeof({x}) = 'text' AND datetime({x}, '+0 days') = {x}"
        " AND substr({x}, 1, 4) >= '0001' THEN {x} ELSE adopt_seconds({x}) END"
    ),
    Stored.RFC3339: Reading("CASE WHEN {x} IS NOT NULL THEN adopt_rfc3339({x}) END"),
    Stored.UNIX: Reading("CASE WHEN {x} IS NOT NULL THEN adopt_unix({x}) END"),
}
_LIST: Final = Reading("CASE WHEN {x} IS NOT NULL THEN adopt_json_list({x}) END")
_GUIDS: Final = Reading("CASE WHEN {x} IS NOT NULL THEN adopt_json_guids({x}) END")
_ERRORS: Final = Reading("CASE WHEN {x} IS NOT NULL THEN adopt_session_errors({x}) END")
_MAP: Final = Reading("CASE WHEN {x} IS NOT NULL THEN adopt_json_map({x}) END")

LISTS: Final = frozenset(
    {
        ("passages", "flavor_source_blend"),
        ("passages", "identity_conflicts"),
        ("passages", "validation_issues"),
        ("songs", "flavor_source_blend"),
    }
)
"""The JSON columns that contain an array; others contain an object, a session's errors both."""
GUIDS: Final = frozenset({("files", "matching_hashes"), ("songs", "related_songs")})
"""Those whose array may contain only guids."""

_SOURCES: Final = (
    "CASE WHEN lower({x}) GLOB '*flavor*' OR lower({x}) GLOB '*acousticbrainz*'"
    " OR lower({x}) GLOB '*essentia*' THEN 'flavor_extractor'"
    " WHEN lower({x}) GLOB '*acoustid*' OR lower({x}) GLOB '*mbid*'"
    " OR lower({x}) GLOB '*musicbrainz*' THEN 'identity_extractor'"
    " WHEN lower({x}) GLOB '*id3*' OR lower({x}) GLOB '*metadata*' OR lower({x}) GLOB '*tag*'"
    " THEN 'metadata_extractor' END"
)

STAND_INS: Final[Mapping[tuple[str, str], str]] = {
    # An import will find the file changed, and read it again.
    ("files", "modification_time"): LONG_AGO,
    ("artists", "name"): 'substr(o."artist_mbid", 1 + 5 * (o."artist_mbid" GLOB \'name:*\'))',
    ("albums", "title"): 'substr(o."album_mbid", 1 + 6 * (o."album_mbid" GLOB \'title:*\'))',
    ("works", "title"): 'o."work_mbid"',
    ("import_provenance", "source_type"): "'unknown_extractor'",
    ("import_sessions", "state"): "'\"CANCELLED\"'",
    ("import_sessions", "root_folder"): "''",
    ("import_sessions", "parameters"): "'{{}}'",
    ("import_sessions", "errors"): "'[]'",
    ("import_sessions", "started_at"): LONG_AGO,
    ("song_artists", "weight"): "1.0",
    ("passage_songs", "start_time_ticks"): "0",
    ("passage_songs", "end_time_ticks"): "1",
}
"""The value of a NOT NULL column if the old row has none that can be read."""

_TICKS_OF_SECONDS: Final = (
    "CASE WHEN typeof({x}) IN ('integer', 'real') AND {x} < 1e11"
    f" THEN CAST(round({{x}} * {TICKS_PER_SECOND}) AS INTEGER) END"
)
OTHER_COLUMNS: Final[Mapping[tuple[str, str], tuple[str, str]]] = {
    ("files", "duration_ticks"): ("duration", _TICKS_OF_SECONDS),
}
"""Old columns whose content ours has in another form, and their readings."""


def reading_of(column: sa.Column[Any]) -> Reading:
    """Return the reading of the old values for one of our columns."""
    key = (column.table.name, column.name)
    reading = _by_type(column, key)
    if key == ("import_provenance", "source_type"):
        reading = replace(reading, rough=_SOURCES)
    if column.nullable or column.primary_key:
        return reading
    return replace(reading, else_=STAND_INS.get(key) or default_of(column))


def _by_type(column: sa.Column[Any], key: tuple[str, str]) -> Reading:
    kind = column.type
    match kind:
        case Mbid():
            return _mbid(kind)
        case EnumText():
            return _word(kind)
        case UtcDateTime():
            return _TIMES[kind.stored]
        case Json():
            return _json(key)
    plain = ((Guid, GUID), (sa.Integer, WHOLE), (sa.Numeric, NUMBER), (sa.Double, NUMBER))
    return next((reading for each, reading in plain if isinstance(kind, each)), TEXT)


def _json(key: tuple[str, str]) -> Reading:
    if key == ("import_sessions", "errors"):
        return _ERRORS
    if key in GUIDS:
        return _GUIDS
    return _LIST if key in LISTS else _MAP


def _word(kind: EnumText[Any]) -> Reading:
    words = ", ".join(f"'{kind.spelled(word)}'" for word in kind.words)
    quote = '"' if kind.quoted else ""
    bare = f"'{quote}' || trim(CAST({{x}} AS TEXT), ' \"') || '{quote}'"
    same = " ".join(
        f"WHEN '{kind.spelled(word).lower()}' THEN '{kind.spelled(word)}'" for word in kind.words
    )
    return Reading(
        f"CASE WHEN {{x}} IN ({words}) THEN {{x}} ELSE CASE lower({bare}) {same} END END"
    )


def _mbid(kind: Mbid) -> Reading:
    match kind.placeholder:
        case "name:":
            keyed = "WHEN {x} GLOB 'name:*' THEN adopt_artist_key(substr({x}, 6))"
        case "title:":
            keyed = (
                "WHEN {x} GLOB 'title:*' THEN adopt_album_key(substr({x}, 7), (SELECT artist FROM"
                ' temp.adopt_album_artists WHERE album = o."guid"))'
            )
        case _:
            keyed = ""
    return Reading(GUID.exact.replace(" WHEN {x} IS NULL", f" {keyed} WHEN {{x}} IS NULL"))


def default_of(column: sa.Column[Any]) -> str:
    """Return the SQL of the column's default; NULL if there is none."""
    if isinstance(column.type, UtcDateTime):
        is_given = policy_of(column) is Policy.OVERWRITE or column.server_default is None
        by_type = NOW if column.type.stored is Stored.SECONDS else NOW_RFC3339
        return "NULL" if is_given and column.default is None else by_type
    if column.default is not None and column.default.is_scalar:
        value = column.default.arg  # type: ignore[attr-defined]
        if isinstance(column.type, EnumText):
            value = column.type.spelled(value)
        return str(value) if isinstance(value, int | float) else f"'{value}'"
    return "NULL"
