"""`wkmp-orm prune`: deletes the rows of files that have been missing for a long time."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import click
from rich.text import Text

from wkmp_orm.cli.documents import pruned_document
from wkmp_orm.cli.options import database_option, existing_database, folder_argument
from wkmp_orm.cli.terminal import out, printable
from wkmp_orm.cli.words import number_of, plurals
from wkmp_orm.library import Library

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wkmp_orm.orchestrator.pruning import Pruned
    from wkmp_orm.phases import MissingFile

MOST_NAMED: Final = 50
_UNITS: Final = {"h": "hours", "d": "days", "w": "weeks"}


class Duration(click.ParamType[timedelta]):
    """A duration: `30d`, `12h`, `2w`, `0`."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Parse a duration. Fails for anything else, and for more than 100 years."""
        if isinstance(value, timedelta):
            return value
        said = re.fullmatch(r"(\d{1,6})\s*([hdw])|0", str(value).strip().lower(), re.ASCII)
        if said is None:
            self.fail(
                f"{value!r} is not a duration: give hours, days or weeks, such as 12h, 30d, 2w",
                param,
            )
        duration = timedelta(**{_UNITS[said[2]]: int(said[1])}) if said[1] else timedelta()
        if duration > timedelta(days=36_525):
            self.fail(f"{value!r} is more than 100 years", param, ctx)
        return duration


@click.command(
    "prune", short_help="Delete the rows of files that have been missing for a long time."
)
@folder_argument
@database_option
@click.option(
    "--missing-for",
    type=Duration(),
    default="30d",
    show_default=True,
    metavar="DURATION",
    help="Delete files that have been missing this long: hours, days or weeks, such as 12h, 2w.",
)
@click.option(
    "--orphans",
    is_flag=True,
    help="Also delete songs, artists, albums and works that nothing refers to and no user changed.",
)
@click.option(
    "--with-edits", is_flag=True, help="Also delete files with a passage that a user edited."
)
@click.option("--dry-run", is_flag=True, help="Print what would be deleted, and delete nothing.")
@click.option("--without-backup", is_flag=True, help="Make no backup; required for PostgreSQL.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for programs.")
def prune_command(
    folder: str | None,
    database: str | None,
    *,
    missing_for: timedelta,
    orphans: bool,
    with_edits: bool,
    dry_run: bool,
    without_backup: bool,
    as_json: bool,
) -> None:
    """Delete the rows of files that have been missing from the library of FOLDER for a long time.

    An import deletes nothing; this command does, after a backup of the SQLite file. It refuses to
    run if all files are missing, as when a disk is not mounted. Files that are back stay.
    """
    with Library.open(existing_database(folder, database)) as library:
        # Not at the top: the audio extra may be missing, and the other commands do without it.
        from wkmp_orm.orchestrator.pruning import prune  # noqa: PLC0415

        pruned = prune(
            library,
            missing_for=missing_for,
            orphans=orphans,
            with_edits=with_edits,
            dry_run=dry_run,
            without_backup=without_backup,
        )
    if as_json:
        click.echo(json.dumps({"dry_run": dry_run} | pruned_document(pruned), indent=2))
        return
    _show(pruned, dry_run=dry_run)


def _show(pruned: Pruned, *, dry_run: bool) -> None:
    told = plurals(asdict(pruned.deleted))
    verb = "Would delete" if dry_run else "Deleted"
    out.print(Text(f"{verb} {told or 'nothing'}.", style="bold green"))
    _name(pruned.files)
    if pruned.edited:
        number = number_of(len(pruned.edited), "file")
        out.print(f"\nKept {number} with a passage that a user edited: see --with-edits")
        _name(pruned.edited)
    if pruned.there:
        number = number_of(len(pruned.there), "file")
        out.print(f"\nKept {number} that are back; the next import takes them up")
        _name(pruned.there)
    if pruned.backup is not None:
        out.print(Text(f"\nBackup: {printable(str(pruned.backup))}"))


def _name(files: Sequence[MissingFile]) -> None:
    for each in files[:MOST_NAMED]:
        since = f"  missing since {each.missing_since:%Y-%m-%d %H:%M} UTC"
        out.print(Text.assemble("  ", (printable(each.path), "bold"), (since, "dim")))
    if len(files) > MOST_NAMED:
        out.print(f"  and {len(files) - MOST_NAMED:,} more: --json lists them")
