"""`wkmp-orm db adopt`: adopts a database that WKMP's other services made."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final

import click
from rich.text import Text

from wkmp_orm.adoption import document, lines
from wkmp_orm.cli.options import database_option, existing_database
from wkmp_orm.cli.terminal import err, out, printable
from wkmp_orm.library import Library

if TYPE_CHECKING:
    from collections.abc import Callable

    from wkmp_orm.adoption import Adoption, Step

MOST_NAMED: Final = 20
SECONDS_BETWEEN: Final = 3.0


@click.command("adopt", short_help="Adopt a database that WKMP's other services made.")
@database_option
@click.option(
    "--root",
    metavar="FOLDER",
    help="The folder that stored paths become relative to.  [default: the folder of the database,"
    " or the only folder that was imported]",
)
@click.option("--dry-run", is_flag=True, help="Print what would be done, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for programs.")
def adopt_command(database: str | None, *, root: str | None, dry_run: bool, as_json: bool) -> None:
    """Adopt a database that WKMP's other services made and filled.

    The command copies the database first; then it converts all of the rows, or none. Values that
    cannot stay are kept in a separate table, and a report is written beside the database. Stop the
    other services first.
    """
    place = existing_database(None, database)
    adoption = Library.adopt(place, root=root, dry_run=dry_run, on_progress=_teller())
    if as_json:
        click.echo(json.dumps(document(adoption), indent=2))
        return
    _show(adoption)


def _teller() -> Callable[[Step], None]:
    """Return a function that prints the current step and, at intervals, its progress."""
    said_at = time.monotonic()

    def tell(step: Step) -> None:
        nonlocal said_at
        if time.monotonic() - said_at < SECONDS_BETWEEN:
            return
        said_at = time.monotonic()
        far = f": {step.done:,} of {step.total:,}" if step.done else ""
        err.print(Text(f"{step.what} {step.table}".rstrip() + far, style="dim"))

    return tell


def _show(adoption: Adoption) -> None:
    name = printable(adoption.database)
    if not adoption.is_needed:
        out.print(f"{name} needs no adoption: it is already a library, or it has no tables yet")
        return
    verb = "would be adopted" if adoption.dry_run else "was adopted"
    out.print(Text(f"{name} {verb}", style="bold green"))
    for line in lines(adoption, most=MOST_NAMED):
        out.print(Text(printable(line)))
    if adoption.backup is not None:
        out.print(Text(f"\nBackup: {printable(str(adoption.backup))}"))
    if adoption.report is not None:
        out.print(Text(f"Full report: {printable(str(adoption.report))}"))
