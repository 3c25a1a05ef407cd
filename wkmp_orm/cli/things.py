"""Prints one song, artist, album, file or passage: facts as lines, passages on a time line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from wkmp_orm.cli.looking import length, line_of
from wkmp_orm.cli.terminal import out, printable
from wkmp_orm.cli.words import number_of, plain, size

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wkmp_orm.browse import (
        AlbumDetails,
        ArtistDetails,
        FileDetails,
        FileEntry,
        PassageDetails,
        PassageEntry,
        SongDetails,
        SongEntry,
    )

TIME_LINE: Final = 60
"""The width of a time line in characters, so that a line fits into 80."""


def show_thing(details: Any) -> None:
    """Print one thing in full on stdout."""
    _SHOW[type(details).__name__](details)


def _facts(heading: str, facts: dict[str, str | None]) -> None:
    out.print(Text(printable(heading), style="bold"))
    for name, value in facts.items():
        if value:
            out.print(Text.assemble((f"  {name:<12}", "dim"), printable(value)))


def missing_since(entry: FileEntry | PassageEntry | SongEntry) -> str | None:
    """Return since when the file has been missing, as text."""
    since = entry.missing_since
    return None if since is None else f"since {since:%Y-%m-%d %H:%M} UTC"


def _file(file: FileDetails) -> None:
    entry = file.entry
    sound = ", ".join(
        part
        for part in (
            entry.format,
            f"{file.sample_rate:,} Hz" if file.sample_rate else None,
            number_of(file.channels, "channel") if file.channels else None,
            size(entry.file_size_bytes) if entry.file_size_bytes is not None else None,
        )
        if part
    )
    _facts(
        entry.path,
        {
            "title": entry.title,
            "artist": entry.artist,
            "album": entry.album,
            "track": str(entry.track_number) if entry.track_number is not None else None,
            "year": str(entry.year) if entry.year is not None else None,
            "length": None if entry.duration_ticks is None else length(entry.duration_ticks),
            "sound": sound,
            "missing": missing_since(entry),
            "status": entry.status.value,
            "equal to": file.original_path or ", ".join(file.duplicates),
            "changed": f"{file.modification_time:%Y-%m-%d %H:%M} UTC",
            "guid": entry.guid,
        },
    )
    for failure in file.failures:
        reason = f"{printable(failure.reason)} ({plain(failure.phase)})"
        out.print(Text.assemble(("  failed      ", "red"), reason))
    if file.passages:
        end = max(each.entry.end_ticks for each in file.passages)
        _time_line(file.passages, max(entry.duration_ticks or 0, end))


def _time_line(passages: Sequence[PassageDetails], whole: int) -> None:
    """Print each passage as a part of its file, with its lead-in and lead-out."""
    out.print(Text(f"\n  {number_of(len(passages), 'passage')}", style="bold"))
    for passage in passages:
        entry = passage.entry
        out.print(Text.assemble("  ", (bar(passage, whole), "cyan")))
        span = f"{length(entry.start_ticks)}-{length(entry.end_ticks)}"
        what = printable(entry.title or "(no title)")
        out.print(Text.assemble(f"  {span}  ", (what, "bold"), (_points(passage), "dim")))


def bar(passage: PassageDetails, whole: int) -> str:
    """Return a bar for the file: `=` for the passage, `<` for its lead-in, `>` for its lead-out."""
    entry = passage.entry

    def column(ticks: int) -> int:
        return min(ticks * TIME_LINE // max(whole, 1), TIME_LINE - 1)

    first = column(entry.start_ticks)
    last = max(column(entry.end_ticks - 1), first)
    line = ["."] * first + ["="] * (last - first + 1) + ["."] * (TIME_LINE - 1 - last)
    if passage.lead_in_start_ticks is not None:
        line[first : column(passage.lead_in_start_ticks)] = "<" * (
            column(passage.lead_in_start_ticks) - first
        )
    if passage.lead_out_start_ticks is not None:
        ramp = column(passage.lead_out_start_ticks) + 1
        line[ramp : last + 1] = ">" * max(last + 1 - ramp, 0)
    return "".join(line)


def _points(passage: PassageDetails) -> str:
    """Return the points that differ from the start and the end of the passage."""
    points = {
        "lead-in until": passage.lead_in_start_ticks,
        "lead-out from": passage.lead_out_start_ticks,
        "fade-in from": passage.fade_in_start_ticks,
        "fade-out from": passage.fade_out_start_ticks,
    }
    ends = (None, passage.entry.start_ticks, passage.entry.end_ticks)
    said = [
        f"{name} {length(at)}" for name, at in points.items() if at is not None and at not in ends
    ]
    return f"  {', '.join(said)}" if said else ""


def _passage(passage: PassageDetails) -> None:
    entry = passage.entry
    sure = passage.identity_confidence
    _facts(
        entry.title or "(no title)",
        {
            "artist": entry.artist,
            "album": entry.album,
            "file": entry.path,
            "missing": missing_since(entry),
            "span": f"{length(entry.start_ticks)}-{length(entry.end_ticks)}{_points(passage)}",
            "status": passage.status.value,
            "decoded": passage.decode_status.value,
            "title by": passage.title_source,
            "confidence": None if sure is None else f"{sure:.2f}",
            "recording": entry.recording_mbid or "unknown: title and artist are from the tags",
            "guid": entry.guid,
        },
    )


def _song(song: SongDetails) -> None:
    entry = song.entry
    shares = ", ".join(
        name if weight == 1 else f"{name} ({weight:.0%})" for name, weight in song.artists
    )
    played = song.last_played_at
    _facts(
        entry.title or "(no title)",
        {
            "artist": entry.artist,
            "credits": None if shares == entry.artist else shares,
            "album": ", ".join(song.albums),
            "works": ", ".join(song.works),
            "flavor": song.status.value,
            "probability": None if song.base_probability == 1 else f"{song.base_probability:g}",
            "last played": None if played is None else f"{played:%Y-%m-%d %H:%M} UTC",
            "missing": missing_since(entry),
            "recording": entry.recording_mbid,
            "guid": entry.guid,
        },
    )
    out.print(Text(f"\n  {number_of(entry.passages, 'passage')}", style="bold"))
    for passage in song.passages:
        out.print(Text("  ").append_text(line_of(passage.entry)))


def _artist(artist: ArtistDetails) -> None:
    entry = artist.entry
    _facts(entry.name, {"MusicBrainz": entry.artist_mbid, "guid": entry.guid})
    _parts(artist.songs, entry.songs, "song")


def _album(album: AlbumDetails) -> None:
    entry = album.entry
    _facts(
        entry.title,
        {
            "artist": entry.artist,
            "released": entry.release_date,
            "MusicBrainz": entry.album_mbid,
            "guid": entry.guid,
        },
    )
    _parts(album.passages, entry.passages, "passage")


def _parts(parts: Sequence[Any], number: int, what: str) -> None:
    out.print(Text(f"\n  {number_of(number, what)}", style="bold"))
    for part in parts:
        out.print(Text("  ").append_text(line_of(part)))
    if number > len(parts):
        out.print(f"  and {number - len(parts):,} more")


_SHOW: Final[dict[str, Callable[[Any], None]]] = {
    "FileDetails": _file,
    "PassageDetails": _passage,
    "SongDetails": _song,
    "ArtistDetails": _artist,
    "AlbumDetails": _album,
}
