"""The command `wkmp-orm status`: shows a library's content, its last imports and their failures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import click
from rich.text import Text

from wkmp_orm.cli.advice import command_line
from wkmp_orm.cli.documents import status_document
from wkmp_orm.cli.failure_lines import show_failures, show_warnings
from wkmp_orm.cli.options import database_option, existing_database, folder_argument
from wkmp_orm.cli.terminal import out, print_entry, print_words, printable
from wkmp_orm.cli.words import clock, number_of
from wkmp_orm.library import Library
from wkmp_orm.models import FileStatus, MemberRole, SessionState, SongStatus
from wkmp_orm.phases import failures, last_sessions, library_status, warnings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from enum import StrEnum
    from typing import TypeVar

    from wkmp_orm.phases import Failure, LibraryStatus, SessionReport
    from wkmp_orm.phases.members import Importer

    Word = TypeVar("Word", bound=StrEnum)

MOST_FAILURES: Final = 20
MOST_WARNINGS: Final = 10
SESSIONS: Final = 5

_FILES: Final[Mapping[FileStatus, str]] = {
    FileStatus.INGEST_COMPLETE: "imported",
    FileStatus.DUPLICATE_HASH: "equal to another file, which stands for all of them",
    FileStatus.NO_AUDIO: "too little sound in it to be a passage",
    FileStatus.PROCESSING: "interrupted; the next import goes on with it",
    FileStatus.PENDING: "not imported yet, or failed; the next import tries it",
}
_SONGS: Final[Mapping[SongStatus, str]] = {
    SongStatus.FLAVOR_READY: "its musical flavor is known",
    SongStatus.FLAVORING_FAILED: "no source knew its flavor; retry-failed asks again",
    SongStatus.PENDING: "no source was there to ask; the next import that has one asks it",
}


@click.command("status", short_help="Show what is in a library, and what failed and why.")
@folder_argument
@database_option
@click.option("--all", "show_all", is_flag=True, help="Name all files that failed or are damaged.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for programs.")
def status_command(
    folder: str | None, database: str | None, *, show_all: bool, as_json: bool
) -> None:
    """Show what is in the library of FOLDER: files by status, songs, the last imports, failures.

    It only reads, so it may be run while an import is running.
    """
    with (
        Library.open(existing_database(folder, database), read_only=True) as library,
        library.reader() as session,
    ):
        status = library_status(session)
        sessions = last_sessions(session, SESSIONS)
        failed = failures(session)
        warned = warnings(session)
        name = str(library.target)
    if as_json:
        click.echo(json.dumps(status_document(name, status, sessions, failed, warned), indent=2))
        return
    out.print(Text(printable(name), style="bold"))
    _show_status(status)
    _show_sessions(sessions)
    if warned:
        told = "\nImported, though not all could be read or believed"
        out.print(Text(f"{told}  {len(warned):,}", style="bold yellow"))
        most = len(warned) if show_all else MOST_WARNINGS
        show_warnings(warned, len(warned), most=most, more="--all names them")
    if failed:
        out.print(Text(f"\nFailed  {len(failed):,}", style="bold red"))
        most = len(failed) if show_all else MOST_FAILURES
        show_failures(failed, len(failed), most=most, more="--all names them", when=_when)


def _when(failure: Failure) -> str:
    return f"{failure.occurred_at:%Y-%m-%d %H:%M}"


def _show_status(status: LibraryStatus) -> None:
    _show_table("Files", status.files, _FILES)
    if status.missing:
        which = f"not there any more; {command_line('missing')} lists them"
        print_entry(f"  {status.missing:>9,}  {'missing':<16}  ", (which, "dim"))
    without = status.passages_without_song
    note = f", {without:,} of them with no known song" if without else ""
    out.print(f"\nPassages  {sum(status.passages.values()):,}{note}")
    _show_table("Songs", status.songs, _SONGS)


def _show_table(title: str, counted: Mapping[Word, int], meanings: Mapping[Word, str]) -> None:
    out.print(f"\n{title}  {sum(counted.values()):,}")
    for word, meaning in meanings.items():
        if number := counted.get(word, 0):
            print_entry(f"  {number:>9,}  {word.value:<16}  ", (meaning, "dim"))


def _show_sessions(sessions: Sequence[SessionReport]) -> None:
    if not sessions:
        out.print(Text(f"\nNo import yet: {command_line('import', 'FOLDER')}"))
        return
    out.print("\nLast imports (UTC)")
    for each in sessions:
        took = ""
        if each.ended_at is not None:
            took = f" in {clock((each.ended_at - each.started_at).total_seconds())}"
        done = f"{each.progress_current:,} of {number_of(each.progress_total, 'file')}"
        print_entry(
            f"  {each.started_at:%Y-%m-%d %H:%M}  {each.state.value:<10}  ",
            f"{done}{took}: {printable(each.current_operation)}",
            (f"  {printable(each.root_folder)}", "dim"),
        )
        if each.ended_at is None:
            _show_importers(each.importers)
        if each.state is SessionState.FAILED and each.errors:
            print_words(printable(each.errors[0]), style="red", indent=6)


def _show_importers(importers: Sequence[Importer]) -> None:
    """Show the active importers; the session's line includes the counts of those that have left."""
    for each in importers:
        if each.left_at is not None:
            continue
        part = "leads" if each.role is MemberRole.LEADER else "helps"
        done = each.imported + each.duplicates + each.no_audio + each.failed
        failed = f", {each.failed:,} failed" if each.failed else ""
        silent = f"  not heard of since {each.heartbeat_at:%H:%M:%S}"
        print_entry(
            f"      process {each.process_id} on {printable(each.host)} {part}: ",
            f"{number_of(done, 'file')} done{failed}",
            ("" if each.is_alive else silent, "yellow"),
        )
