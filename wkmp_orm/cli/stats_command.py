"""`wkmp-orm stats`: shows the statistics of a library."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click
from rich.text import Text

from wkmp_orm.cli.advice import command_line
from wkmp_orm.cli.looking import looking_options, opened, print_json
from wkmp_orm.cli.options import folder_argument
from wkmp_orm.cli.terminal import out, printable
from wkmp_orm.cli.words import clock, listed, number_of, plurals, size
from wkmp_orm.ticks import TICKS_PER_SECOND

if TYPE_CHECKING:
    from wkmp_orm.browse import Statistics


@click.command("stats", short_help="Show the statistics of a library.")
@folder_argument
@looking_options
def stats_command(folder: str | None, database: str | None, *, as_json: bool) -> None:
    """Show how many songs, artists, albums and files the library of FOLDER has, and how long."""
    from wkmp_orm import browse  # noqa: PLC0415
    from wkmp_orm.cli.documents_of_lists import statistics_document  # noqa: PLC0415

    with opened(database, folder) as (library, session):
        numbers = browse.statistics(session)
        name = str(library.target)
    if as_json:
        print_json(statistics_document(name, numbers))
        return
    out.print(Text(printable(name), style="bold"))
    for what, told in _lines(numbers).items():
        if told:
            out.print(Text.assemble((f"  {what:<10}", "dim"), told))
    orphans = plurals(asdict(numbers.orphans))
    if orphans:
        remove = command_line("prune", "--orphans", "--database", name)
        out.print(Text(f"\nNo file refers to {orphans}. To delete them:\n  {printable(remove)}"))


def _lines(numbers: Statistics) -> dict[str, str]:
    known, tagged = sum(numbers.songs.values()), numbers.passages_without_song
    songs = listed(
        {
            "by MusicBrainz": known,
            "by their tags": tagged - numbers.passages_without_title,
            "with no title": numbers.passages_without_title,
        }
    )
    imported = numbers.formats.values()
    heard = clock(numbers.sound_ticks / TICKS_PER_SECOND)
    return {
        "Songs": f"{known + tagged:,}{f': {songs}' if songs else ''}",
        "Artists": _with_ids(numbers.artists, numbers.artists_without_mbid),
        "Albums": _with_ids(numbers.albums, numbers.albums_without_mbid),
        "Works": f"{numbers.works:,}" if numbers.works else "",
        "Passages": f"{numbers.passages:,} in {heard}",
        "Files": (
            f"{sum(numbers.files.values()):,}:"
            f" {listed({word.value: number for word, number in numbers.files.items()})}"
            if any(numbers.files.values())
            else "0"
        ),
        "Size": size(sum(each.size_bytes for each in imported)),
        "Formats": ", ".join(
            f"{printable(name) or 'unknown'} {number_of(each.files, 'file')}"
            for name, each in numbers.formats.items()
        ),
        "Failed": f"{numbers.failures:,}" if numbers.failures else "",
    }


def _with_ids(number: int, without: int) -> str:
    if not number:
        return "0"
    return f"{number:,}: {listed({'by MusicBrainz': number - without, 'by name': without})}"
