"""`wkmp-orm ls`: lists songs, albums, artists, files or passages, one page at a time."""

from __future__ import annotations

import click

from wkmp_orm.cli.looking import (
    line_of,
    list_and_query,
    looking_options,
    opened,
    page_options,
    print_json,
    print_line,
    say_more,
)
from wkmp_orm.cli.options import of_library
from wkmp_orm.cli.terminal import say_note


@click.command("ls", short_help="List songs, albums, artists, files or passages.")
@click.argument("words", metavar="[LIST] [QUERY]...", nargs=-1)
@page_options
@looking_options
def ls_command(
    words: tuple[str, ...], database: str | None, limit: int, after: str | None, *, as_json: bool
) -> None:
    """List the content of a library: songs, or another LIST (albums, artists, files, passages).

    A word in QUERY matches anywhere in a title, artist or album; field:value matches a field that
    begins with the value. Fields: title, artist and album for songs, artist and album for albums,
    artist for artists, path and status for files, path for passages. Case is ignored, except in
    paths.
    """
    from wkmp_orm import browse  # noqa: PLC0415
    from wkmp_orm.cli.documents_of_lists import page_document  # noqa: PLC0415

    name, query = list_and_query(words)
    with opened(database) as (_, session):
        page = getattr(browse, name)(session, query, after=after, limit=limit)
    if as_json:
        print_json(page_document(name, page))
        return
    for entry in page.entries:
        print_line(line_of(entry))
    if not page.entries:
        say_note(_nothing(name, query))
    say_more(page, "ls", *words, "--limit", str(limit), *of_library(None, database))


def _nothing(name: str, query: tuple[str, ...]) -> str:
    if not query:
        return f"There are no {name} in this library."
    hint = ""
    if any(":" in each for each in query):
        hint = " field:value matches the beginning of a field; a plain word matches anywhere."
    return f"No {name} found.{hint}"
