"""The command `wkmp-orm import`: imports a folder of music into its database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.text import Text

from wkmp_orm.cli.advice import spelled
from wkmp_orm.cli.documents import summary_document
from wkmp_orm.cli.importing import exit_code, imported
from wkmp_orm.cli.options import (
    current_library,
    database_of,
    folder_argument,
    unnamed_database,
    workers_option,
)
from wkmp_orm.cli.summary_display import show_summary
from wkmp_orm.cli.terminal import err, printable
from wkmp_orm.core.tracing.trace_file import traced_to
from wkmp_orm.errors import DatabaseUnavailableError, WkmpOrmError
from wkmp_orm.library import Library
from wkmp_orm.paths import path_under_root
from wkmp_orm.root_folder import refuse_database_url, resolve_root_folder

if TYPE_CHECKING:
    from wkmp_orm.core.remedies import Note
    from wkmp_orm.core.spans import Tracing
    from wkmp_orm.orchestrator import ImportSummary


@click.command("import", short_help="Import a folder of music.")
@folder_argument
@click.option(
    "--database",
    metavar="PATH_OR_URL",
    help="An SQLite file, or a postgresql:// URL.  [default: that of the"
    " library that FOLDER lies in, else wkmp.db in FOLDER]",
)
@click.option(
    "--root",
    metavar="FOLDER",
    help="The library's root, if FOLDER is only a part of it.  [default: FOLDER, at first]",
)
@workers_option
@click.option(
    "--accept-missing",
    is_flag=True,
    help="Mark files that are gone as missing, also if they are most of the library.",
)
@click.option(
    "--take-over",
    is_flag=True,
    help="Cancel the import of another program (wkmp-ai) that ended without saying so.",
)
@click.option(
    "--trace",
    metavar="FILE",
    help="Write when each worker did what to FILE, for `report --trace FILE`.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for programs.")
def import_command(
    folder: str | None,
    database: str | None,
    root: str | None,
    workers: int | None,
    trace: str | None,
    *,
    accept_missing: bool,
    take_over: bool,
    as_json: bool,
) -> int:
    """Import the music in FOLDER: what is new, what changed, what an earlier import left undone.

    FOLDER is the WKMP root folder unless it is given: $WKMP_ROOT_FOLDER, $WKMP_ROOT, the library
    that the current folder lies in, root_folder in audio-ingest.toml, or ~/Music. At the first
    import it becomes the library's root; from then on every folder must lie in that. A folder that
    lies in a library belongs to it, and is imported into it; --root FOLDER makes one of its own.

    Exit codes: 0 done; 1 done, but some files failed; 2 cannot start, or cannot go on; 130 stopped.
    """
    try:
        with traced_to(trace) as tracing:
            summary, notes = _import(
                folder,
                database,
                root,
                workers,
                tracing,
                quiet=as_json,
                accept_missing=accept_missing,
                take_over=take_over,
            )
    except WkmpOrmError as error:
        if as_json:
            problem = {"type": type(error).__name__, "message": error.for_people(spelled)}
            click.echo(json.dumps({"state": "FAILED", "error": problem}, indent=2))
        raise
    if as_json:
        click.echo(json.dumps(summary_document(summary), indent=2))
    else:
        show_summary(summary, notes)
    return exit_code(summary)


def _import(
    folder: str | None,
    database: str | None,
    root: str | None,
    workers: int | None,
    tracing: Tracing | None,
    *,
    quiet: bool,
    accept_missing: bool,
    take_over: bool,
) -> tuple[ImportSummary, tuple[Note, ...]]:
    # Not at the top, because the audio extra may be missing and other commands do not need it.
    from wkmp_orm.orchestrator.scan import scan_folder  # noqa: PLC0415

    if root is not None:
        refuse_database_url(root, "--root")
    enclosing = current_library() if folder is root is database is None else None
    chosen = None
    if enclosing is None:
        chosen = resolve_root_folder(folder if folder is not None else root).path
        scan_folder(chosen)  # refuses a missing folder before a database is created in it
    if root is not None and chosen is not None:
        # Checked before a database stores a wrong root.
        path_under_root(chosen.absolute(), Path(root).expanduser().absolute())
    place = database or str(enclosing or _unnamed(chosen, root))
    try:
        library = Library.open(place, root=root, tracing=tracing)
    except DatabaseUnavailableError as error:
        if database is None:
            error.add_note("To keep the database in another place, give it with --database.")
        raise
    with library:
        if chosen is not None and database is None and root is None:
            # Otherwise an empty library would take the first imported folder as its root.
            library.settle_root(Path(place).parent)
        if not quiet:
            what = library.root if chosen is None else chosen
            err.print(Text(printable(f"Importing {what} into {library.target}"), style="dim"))
        return imported(
            library,
            chosen,
            workers,
            quiet=quiet,
            accept_missing=accept_missing,
            take_over=take_over,
        )


def _unnamed(folder: Path | None, root: str | None) -> str:
    """Return the database of a folder if the user did not name one.

    A folder in a library belongs to that library; with --root it belongs to the root's own, which
    is created if needed.
    """
    if root is not None:
        return unnamed_database(Path(root).expanduser().absolute())
    return database_of((folder or Path()).expanduser().absolute())
