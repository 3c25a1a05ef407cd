"""`wkmp-orm missing`: lists the files that no longer exist, and since when."""

from __future__ import annotations

import json

import click
from rich.text import Text

from wkmp_orm.cli.advice import command_line
from wkmp_orm.cli.documents import missing_document
from wkmp_orm.cli.options import database_option, existing_database, folder_argument
from wkmp_orm.cli.terminal import out, printable
from wkmp_orm.cli.words import number_of
from wkmp_orm.library import Library
from wkmp_orm.phases import missing_files


@click.command("missing", short_help="List the files that no longer exist.")
@folder_argument
@database_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for programs.")
def missing_command(folder: str | None, database: str | None, *, as_json: bool) -> None:
    """List the files of the library of FOLDER that the last imports no longer found.

    Their rows stay, with a user's edits, until `prune` deletes them. A file that comes back, at any
    path, gets its row back. The command only reads.
    """
    with (
        Library.open(existing_database(folder, database), read_only=True) as library,
        library.reader() as session,
    ):
        files = missing_files(session)
        name = str(library.target)
    if as_json:
        click.echo(json.dumps(missing_document(name, files), indent=2))
        return
    if not files:
        out.print("No file is missing.")
        return
    out.print(f"{number_of(len(files), 'file')} missing, since (UTC)")
    for each in files:
        edited = number_of(each.edited_passages, "edited passage")
        out.print(
            Text.assemble(
                f"  {each.missing_since:%Y-%m-%d %H:%M}  ",
                (printable(each.path), "bold"),
                (f"  {edited}" if each.edited_passages else "", "dim"),
            )
        )
    how = f"{command_line('prune', '--dry-run')} prints which of them would be deleted"
    out.print(Text(f"\n{printable(how)}"))
