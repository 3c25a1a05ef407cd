"""`wkmp-orm failures`: shows which files could not be imported, and why."""

from __future__ import annotations

import click

from wkmp_orm.cli.failure_lines import show_failures
from wkmp_orm.cli.looking import looking_options, opened, page_options, print_json, say_more
from wkmp_orm.cli.options import folder_argument, of_library
from wkmp_orm.cli.terminal import say_note


@click.command("failures", short_help="Show which files could not be imported, and why.")
@folder_argument
@page_options
@looking_options
def failures_command(
    folder: str | None, database: str | None, limit: int, after: str | None, *, as_json: bool
) -> None:
    """Show the files that could not be imported, with the reasons, latest first.

    Every import tries them again.
    """
    from wkmp_orm import browse  # noqa: PLC0415
    from wkmp_orm.cli.documents_of_lists import page_document  # noqa: PLC0415

    with opened(database, folder) as (_, session):
        page = browse.failures(session, after=after, limit=limit)
    if as_json:
        print_json(page_document("failures", page))
        return
    number = len(page.entries)
    show_failures(
        page.entries,
        number,
        most=number,
        more="",
        when=lambda failure: f"{failure.occurred_at:%Y-%m-%d %H:%M}",
    )
    if not number:
        say_note("Nothing has failed.")
    say_more(page, "failures", *of_library(folder, database), "--limit", str(limit))
