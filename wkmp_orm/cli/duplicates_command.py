"""`wkmp-orm duplicates`: shows which files are equal."""

from __future__ import annotations

from itertools import groupby

import click
from rich.text import Text

from wkmp_orm.cli.looking import (
    looking_options,
    missing,
    opened,
    page_options,
    print_json,
    say_more,
)
from wkmp_orm.cli.options import folder_argument, of_library
from wkmp_orm.cli.terminal import out, printable, say_note


@click.command("duplicates", short_help="Show which files are equal.")
@folder_argument
@page_options
@looking_options
def duplicates_command(
    folder: str | None, database: str | None, limit: int, after: str | None, *, as_json: bool
) -> None:
    """Show files that are equal byte for byte: each original, and its copies below it.

    The original is imported; its copies have no passages.
    """
    from wkmp_orm import browse  # noqa: PLC0415
    from wkmp_orm.cli.documents_of_lists import page_document  # noqa: PLC0415

    with opened(database, folder) as (_, session):
        page = browse.duplicates(session, after=after, limit=limit)
    if as_json:
        print_json(page_document("duplicates", page))
        return
    for original, equals in groupby(page.entries, lambda entry: entry.original_path):
        out.print(Text(printable(original or "(no original)"), style="bold"))
        for each in equals:
            out.print(Text(f"  = {printable(each.path)}").append_text(missing(each)))
    if not page.entries:
        say_note("No files are equal.")
    say_more(page, "duplicates", *of_library(folder, database), "--limit", str(limit))
