"""`wkmp-orm retry-failed`: resets what ended without success, and imports it again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from wkmp_orm.cli.documents import summary_document
from wkmp_orm.cli.importing import exit_code, imported
from wkmp_orm.cli.options import database_option, existing_database, folder_argument, workers_option
from wkmp_orm.cli.summary_display import show_summary
from wkmp_orm.cli.terminal import say_note
from wkmp_orm.cli.words import number_of
from wkmp_orm.library import Library

if TYPE_CHECKING:
    from wkmp_orm.phases import Retry


@click.command("retry-failed", short_help="Retry what earlier imports ended without success.")
@folder_argument
@database_option
@workers_option
@click.option("--unflavored", is_flag=True, help="Also songs whose flavor no source was asked for.")
@click.option("--unidentified", is_flag=True, help="Also files with a passage of an unknown song.")
@click.option("--no-audio", is_flag=True, help="Also files with too little sound.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for programs.")
def retry_command(
    folder: str | None,
    database: str | None,
    workers: int | None,
    *,
    unflavored: bool,
    unidentified: bool,
    no_audio: bool,
    as_json: bool,
) -> int:
    """Import the library of FOLDER again, with what earlier imports ended without success.

    These are songs whose flavor no source knew, and what the options name, for example because a
    web service can be asked now. Every import tries failed files again, and so does this one.
    Passages keep what a user changed in them.
    """
    with Library.open(existing_database(folder, database)) as library:
        # Not at the top: the audio extra may be missing, and the other commands do without it.
        from wkmp_orm.orchestrator import retry_failed  # noqa: PLC0415

        retry = retry_failed(
            library, unflavored=unflavored, unidentified=unidentified, no_audio=no_audio
        )
        if not as_json:
            say_note(_set_back(retry))
        summary, notes = imported(library, None, workers, quiet=as_json)
    if as_json:
        document = summary_document(summary)
        set_back = {"files": retry.files, "songs": retry.songs}
        click.echo(json.dumps({"set_back": set_back, **document}, indent=2))
    else:
        show_summary(summary, notes)
    return exit_code(summary)


def _set_back(retry: Retry) -> str:
    return f"To be tried again: {number_of(retry.files, 'file')}, {number_of(retry.songs, 'song')}."
