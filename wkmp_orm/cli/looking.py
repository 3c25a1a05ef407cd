"""What the commands that show a library share: options, pages, and entries as lines."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import click
from rich.text import Text

from wkmp_orm.cli.options import database_option, existing_database
from wkmp_orm.cli.terminal import err, out, printable
from wkmp_orm.cli.words import clock, number_of
from wkmp_orm.ticks import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.orm import Session

    from wkmp_orm.browse import (
        AlbumEntry,
        ArtistEntry,
        DuplicateEntry,
        FileEntry,
        Page,
        PassageEntry,
        SongEntry,
    )
    from wkmp_orm.library import Library

LISTS: Final = ("songs", "albums", "artists", "files", "passages")


def looking_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--database` and `--json` to a command that shows a library."""
    as_json = click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON document, for programs."
    )
    return database_option(as_json(command))


def page_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--limit` and `--after` to a command that shows a page of a list."""
    limit = click.option(
        "--limit",
        type=click.IntRange(1, 1_000),
        default=50,
        show_default=True,
        metavar="N",
        help="How many entries to show at most.",
    )
    after = click.option("--after", metavar="GUID", help="Continue after the entry with this guid.")
    return limit(after(command))


@contextmanager
def opened(database: str | None, folder: str | None = None) -> Iterator[tuple[Library, Session]]:
    """Open a library and a reading Session for the duration of a `with` block."""
    # Not at the top: loading SQLAlchemy takes half a second, and `--help` does not need it.
    from wkmp_orm.library import Library  # noqa: PLC0415

    with (
        Library.open(existing_database(folder, database), read_only=True) as library,
        library.reader() as session,
    ):
        yield library, session


def list_and_query(words: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return the list and the query; the list is songs if the first word is not a list's name."""
    if words and words[0] in LISTS:
        return words[0], words[1:]
    return "songs", words


def print_json(document: dict[str, Any]) -> None:
    """Print a document for programs."""
    click.echo(json.dumps(document, indent=2))


def print_line(line: Text) -> None:
    """Print an entry, cut to one line on a terminal and in full elsewhere."""
    if out.is_terminal:
        out.print(line, no_wrap=True, overflow="ellipsis", soft_wrap=False, crop=True)
    else:
        out.print(line)


def say_more(page: Page[Any], *command: str) -> None:
    """Print the command for the next page on stderr, separate from the results."""
    from wkmp_orm.cli.advice import command_line  # noqa: PLC0415

    if page.after is not None:
        shown = number_of(len(page.entries), "entry", "entries")
        more = command_line(*command, "--after", page.after)
        err.print(Text(f"{shown} shown. More: {printable(more)}", style="dim"))


def line_of(entry: Any) -> Text:
    """Return an entry of any list as a line."""
    return _LINES[type(entry).__name__](entry)


def _song(song: SongEntry) -> Text:
    line = _called(song.title, song.artist, song.path)
    if song.start_ticks is not None and song.end_ticks is not None:
        line.append(f"  {length(song.end_ticks - song.start_ticks)}", "cyan")
    if song.album:
        line.append(f"  {printable(song.album)}", "dim")
    return line.append_text(missing(song))


def _passage(passage: PassageEntry) -> Text:
    span = f"{length(passage.start_ticks)}-{length(passage.end_ticks)}"
    return Text.assemble(
        (printable(passage.path), "bold"),
        (f"  {span}  ", "cyan"),
        _called(passage.title, passage.artist, ""),
        missing(passage),
    )


def missing(entry: SongEntry | PassageEntry | FileEntry | DuplicateEntry) -> Text:
    """Return the mark for an entry whose file is missing."""
    return Text("" if entry.missing_since is None else "  (missing)", "red")


def _called(title: str | None, artist: str | None, path: str | None) -> Text:
    """Return artist and title, or the file's name if there is no title."""
    name = Text(printable(title), "bold") if title else Text(_file_name(path), "italic")
    return Text.assemble(f"{printable(artist)} - ", name) if artist else name


def _file_name(path: str | None) -> str:
    return printable(PurePosixPath(path).name) if path else "(no title)"


def _artist(artist: ArtistEntry) -> Text:
    songs = number_of(artist.songs, "song")
    return Text.assemble((printable(artist.name), "bold"), (f"  {songs}", "cyan"))


def _album(album: AlbumEntry) -> Text:
    year = f"  {printable(album.release_date[:4])}" if album.release_date else ""
    return Text.assemble(
        f"{printable(album.artist)} - " if album.artist else "",
        (printable(album.title), "bold"),
        (f"{year}  {number_of(album.passages, 'passage')}", "cyan"),
    )


def _file(file: FileEntry) -> Text:
    duration = "" if file.duration_ticks is None else f"  {length(file.duration_ticks)}"
    called = f"  {_called(file.title, file.artist, '')}" if file.title or file.artist else ""
    return Text.assemble(
        (printable(file.path), "bold"),
        (duration, "cyan"),
        f"{called}",
        (f"  {file.status.value}", "dim"),
        missing(file),
    )


_LINES: Final[dict[str, Callable[[Any], Text]]] = {
    "SongEntry": _song,
    "PassageEntry": _passage,
    "ArtistEntry": _artist,
    "AlbumEntry": _album,
    "FileEntry": _file,
}


def length(ticks: int) -> str:
    """Return a length or position as a clock time."""
    return clock(ticks / TICKS_PER_SECOND)


def line_with_guid(entry: Any) -> Text:
    """Return an entry as a line that begins with its kind and guid."""
    kind = type(entry).__name__.removesuffix("Entry").lower()
    return Text.assemble((f"{kind:<8}{entry.guid}  ", "dim"), line_of(entry))
