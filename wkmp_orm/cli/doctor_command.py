"""`wkmp-orm doctor`: examines a library, and mends what is safe to mend."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import click
from rich.text import Text

from wkmp_orm.cli.advice import spelled_for
from wkmp_orm.cli.documents import examination_document
from wkmp_orm.cli.options import database_option, existing_database, folder_argument
from wkmp_orm.cli.terminal import out, print_words, printable, say_note
from wkmp_orm.doctor import Severity, examine
from wkmp_orm.errors import WkmpOrmError

if TYPE_CHECKING:
    from wkmp_orm.core.remedies import Spelled
    from wkmp_orm.doctor import Examination, Finding

EXIT_CODES: Final = {None: 0, Severity.NOTE: 0, Severity.WARNING: 1, Severity.ERROR: 2}
"""The exit codes that monitoring systems expect: OK, warning, critical."""

_STYLES: Final = {Severity.NOTE: "dim", Severity.WARNING: "bold yellow", Severity.ERROR: "bold red"}


@click.command("doctor", short_help="Examine a library, and print faults and remedies.")
@folder_argument
@database_option
@click.option("--quick", is_flag=True, help="Check every page, but no indexes, references or rows.")
@click.option("--fix", is_flag=True, help="Mend what is safe to mend, after a backup.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for programs.")
def doctor_command(
    folder: str | None, database: str | None, *, quick: bool, fix: bool, as_json: bool
) -> int:
    """Examine the library of FOLDER: its file, tables, rows and surroundings.

    It only reads, and may run during an import; --fix mends what is safe and examines again.
    Exit code 0: sound. 1: something is wrong. 2: rows are lost, wrong or at risk, or the library
    cannot be used.
    """
    place = existing_database(folder, database)
    spelled = spelled_for(place)
    examination = examine(place, quick=quick)
    if fix:
        _fix(examination, spelled)
        examination = examine(place, quick=quick)
    if as_json:
        click.echo(json.dumps(examination_document(examination, spelled), indent=2))
    else:
        _show(examination, spelled)
    return EXIT_CODES[examination.severity]


def _fix(examination: Examination, spelled: Spelled) -> None:
    """Call each different fix once."""
    done = set()
    for finding in examination.findings:
        if finding.fix is not None and finding.fix not in done:
            done.add(finding.fix)
            try:
                what = finding.fix()
            except WkmpOrmError as refused:
                what = f"not mended: {refused.for_people(spelled)}"
            say_note(f"{finding.check}: {printable(what)}")


def _show(examination: Examination, spelled: Spelled) -> None:
    out.print(Text(printable(examination.database), style="bold"))
    for finding in examination.findings:
        _show_finding(finding, spelled)
    if examination.is_sound:
        what = "sound, as far as examined" if examination.quick else "sound"
        out.print(Text(what, style="bold green"))


def _show_finding(finding: Finding, spelled: Spelled) -> None:
    out.print()
    head = f"{finding.severity}  {finding.check}"
    out.print(Text(head, style=_STYLES[finding.severity]))
    print_words(printable(finding.for_people(spelled)), indent=2)
    for each in finding.evidence:
        print_words(printable(each), style="dim", indent=4)
