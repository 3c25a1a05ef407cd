"""Reads the content of a report from a library, with the numbers of `browse.statistics`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import sqlalchemy as sa

from wkmp_orm import browse
from wkmp_orm.errors import ConfigurationError
from wkmp_orm.models import File, FileStatus, ImportSession
from wkmp_orm.phases import last_sessions
from wkmp_orm.report import pictures
from wkmp_orm.ticks import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from wkmp_orm.browse import FailureEntry, Statistics
    from wkmp_orm.phases import SessionReport
    from wkmp_orm.report.trace import Trace

MOST_FAILURES: Final = 100
MOST_FORMATS: Final = 8
MOST_DECADES: Final = 25


@dataclass(frozen=True, slots=True)
class Content:
    """The content of the page. `slow` has the paths and seconds of the slowest files."""

    library: str
    made_at: datetime
    numbers: Mapping[str, str]
    pictures: Mapping[str, str]
    failures: tuple[FailureEntry, ...]
    more_failures: bool
    last: SessionReport | None
    trace: Trace | None = None
    slow: tuple[tuple[str, float], ...] = ()
    time_line: Mapping[str, str] = field(default_factory=dict)


def content_of(session: Session, library: str, trace: Trace | None) -> Content:
    """Read the content. Raises ConfigurationError for another library's trace."""
    numbers = browse.statistics(session)
    if trace is not None:
        _refuse_strange(session, trace)
    failed = browse.failures(session, limit=MOST_FAILURES)
    return Content(
        library=library,
        made_at=datetime.now(UTC),
        numbers=_numbers(numbers),
        pictures=_pictures(session, numbers),
        failures=failed.entries,
        more_failures=failed.after is not None,
        last=next(iter(last_sessions(session, 1)), None),
        trace=trace,
        slow=() if trace is None else _slow(session, trace),
        time_line={} if trace is None else _time_line(trace),
    )


def _numbers(numbers: Statistics) -> dict[str, str]:
    minutes = round(numbers.sound_ticks / TICKS_PER_SECOND / 60)
    size = sum(each.size_bytes for each in numbers.formats.values())
    return {
        "songs": f"{sum(numbers.songs.values()) + numbers.passages_without_song:,}",
        "artists": f"{numbers.artists:,}",
        "albums": f"{numbers.albums:,}",
        "passages": f"{numbers.passages:,}",
        "of sound": f"{minutes // 60:,} h {minutes % 60} min"
        if minutes >= 60
        else f"{minutes} min",
        "files": f"{sum(numbers.files.values()):,}",
        "imported": f"{numbers.files.get(FileStatus.INGEST_COMPLETE, 0):,}",
        "of data": f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB",
        "failed": f"{numbers.failures:,}",
    }


def _pictures(session: Session, numbers: Statistics) -> dict[str, str]:
    """Draw the pictures that have data. Of the labels, only formats come from the library."""
    untitled = numbers.passages_without_title
    songs = {
        "MusicBrainz": sum(numbers.songs.values()),
        "their tags": numbers.passages_without_song - untitled,
        "nothing": untitled,
    }
    files = {status.value.lower(): number for status, number in numbers.files.items() if number}
    formats = {
        _word(name): each.files for name, each in list(numbers.formats.items())[:MOST_FORMATS]
    }
    decades = _decades(session)
    drawn: dict[str, Any] = {}
    if any(songs.values()):
        drawn["What the songs are known by"] = pictures.bars(songs, "songs")
    if files:
        drawn["How far the files have come"] = pictures.bars(files, "files")
    if formats:
        drawn["Formats of imported files"] = pictures.bars(formats, "formats")
    if decades:
        drawn["When the music is from"] = pictures.columns(decades, "decades", "files, by decade")
    return drawn


def _word(name: str) -> str:
    """Return a format's name in ASCII, because Matplotlib's font lacks many other letters."""
    return name.encode("ascii", "replace").decode().replace("$", "?")[:12] or "unknown"


def _decades(session: Session) -> dict[int, int]:
    decade = sa.cast(File.year // 10 * 10, sa.Integer)
    query = (
        sa.select(decade, sa.func.count())
        .where(File.status == FileStatus.INGEST_COMPLETE, File.year.between(1000, 2999))
        .group_by(decade)
        .order_by(decade.desc())
        .limit(MOST_DECADES)
    )
    return {int(year): number for year, number in reversed(session.execute(query).all())}


def _time_line(trace: Trace) -> dict[str, str]:
    return {
        "narrow": pictures.time_line(trace, "narrow", pictures.NARROW),
        "wide": pictures.time_line(trace, "wide", pictures.WIDE),
        "phases": pictures.phases(trace, "phases"),
    }


def _slow(session: Session, trace: Trace) -> tuple[tuple[str, float], ...]:
    guids = [guid for _, guid in trace.slowest if _is_guid(guid)]
    rows = session.execute(sa.select(File.guid, File.path).where(File.guid.in_(guids))).all()
    paths = {str(guid): path for guid, path in rows}
    return tuple((paths.get(guid, guid), seconds) for seconds, guid in trace.slowest)


def _is_guid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _refuse_strange(session: Session, trace: Trace) -> None:
    if not trace.session:  # the import was killed
        return
    if not _is_guid(trace.session) or session.get(ImportSession, trace.session) is None:
        msg = "the trace is of an import into another library, or one whose session was deleted"
        raise ConfigurationError(msg)
