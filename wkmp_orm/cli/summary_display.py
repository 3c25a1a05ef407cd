"""Prints the summary of an import for people."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from rich.text import Text

from wkmp_orm.cli.advice import command_line, spelled_for
from wkmp_orm.cli.failure_lines import show_failures, show_warnings
from wkmp_orm.cli.live_view import identified
from wkmp_orm.cli.terminal import out, print_advice, printable
from wkmp_orm.cli.words import clock, listed, milliseconds, number_of, rate
from wkmp_orm.ticks import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wkmp_orm.core.engine.monitor import Totals
    from wkmp_orm.core.remedies import Note, Spelled
    from wkmp_orm.orchestrator import Counts, Findings, ImportSummary

SHOWN_TABLES: Final = ("files", "passages", "songs", "artists", "albums", "works")
MOST_FAILURES: Final = 50
"""More would be too many to read; `wkmp-orm status --all` lists all."""
MOST_WARNINGS: Final = 10
"""Fewer, because these files play."""


def show_summary(summary: ImportSummary, notes: Sequence[Note]) -> None:
    """Print the summary on stdout, with the new notes."""
    out.print(_headline(summary))
    lines = _lines(summary)
    if lines:
        out.print()
    for name, value in lines:
        out.print(Text.assemble((f"  {name:<14}", "dim"), value))
    if summary.warnings:
        out.print()
        warned = number_of(summary.counts.warned, "file")
        told = f"{warned} imported with warnings:"
        out.print(Text(told, style="bold yellow"))
        show_warnings(
            summary.warnings,
            summary.counts.warned,
            most=MOST_WARNINGS,
            more=f"{_status_of_all(summary)} names them",
        )
    if summary.failures:
        out.print()
        number = summary.counts.failed + summary.counts.unreadable
        out.print(Text(f"{number_of(number, 'file')} could not be imported:", style="bold red"))
        more = f"{_status_of_all(summary)} names them"
        show_failures(summary.failures, number, most=MOST_FAILURES, more=more)
    for note in notes:
        out.print()
        print_advice(partial(_told, note, spelled_for(summary.database)), style="yellow")


def _told(note: Note, spelled: Spelled, command: Callable[[str], str]) -> str:
    return note.for_people(lambda words: command(spelled(words)))


def _status_of_all(summary: ImportSummary) -> str:
    return command_line("status", "--all", "--database", summary.database)


def _headline(summary: ImportSummary) -> Text:
    counts = summary.counts
    took = f"in {summary.seconds:.1f} s"
    if summary.was_cancelled:
        left = counts.to_import - counts.done
        rest = f"{number_of(left, 'file')} left" if left else "the scan was not finished"
        return Text(
            f"Stopped {took}: {number_of(counts.imported, 'file')} imported, {rest}."
            " The same command continues from there.",
            style="bold yellow",
        )
    if counts.to_import == 0 and summary.joined:
        return Text(f"Nothing was left to import {took}: the others have done it.", "bold green")
    if counts.to_import == 0:
        nothing = f"{number_of(counts.unchanged, 'file')} unchanged"
        if not counts.found:
            nothing = "there is no sound file in it"
        told = "".join(f", {each}" for each in [changes(counts)] if each)
        return Text(f"Nothing to import {took}: {nothing}{told}.", "bold green")
    imported = f"Imported {number_of(counts.imported, 'file')} {took}"
    if not counts.imported:
        return Text(f"{imported}.", "bold green")
    pace = rate(counts.done / max(summary.seconds, 0.001), "file")
    return Text(f"{imported} ({pace}).", "bold green")


def _lines(summary: ImportSummary) -> list[tuple[str, str]]:
    counts, findings, writes = summary.counts, summary.findings, summary.writes
    left_out = _left_out(counts.left_out)
    if counts.to_import == 0:
        return [("Left out", left_out)] if left_out else []
    lines = {
        "Found": f"{number_of(counts.found, 'file')}{_parts(counts)}" if counts.found else "",
        "Left out": left_out,
        "Together": _together(summary),
        "Library": changes(counts),
        "Passages": _passages(findings),
        "Songs": identified(findings),
        "Flavor": _flavor(findings),
        "Duplicates": f"{counts.duplicates:,} equal to another file" if counts.duplicates else "",
        "No audio": f"{counts.no_audio:,} with too little sound" if counts.no_audio else "",
        "Kept": _kept(counts.kept),
        "Written": _written(writes),
        "Transactions": (
            f"{writes.transactions:,},"
            f" {f'{writes.retries:,} retried' if writes.retries else 'none retried'}"
        ),
        "Lock": (
            f"waited for {milliseconds(writes.longest_wait_ms)} at most,"
            f" held {milliseconds(writes.hold_p50_ms)} (median),"
            f" {milliseconds(writes.longest_hold_ms)} at most"
        ),
        "Database": printable(summary.database),
    }
    return [(name, value) for name, value in lines.items() if value]


def _together(summary: ImportSummary) -> str:
    """Return what all importers did, if this one did not do all of it."""
    together = summary.together
    if together is None or together.done <= summary.counts.done:
        return ""
    failed = f", {together.failed:,} failed" if together.failed else ""
    return f"{number_of(together.done, 'file')} by all importers{failed}"


def changes(counts: Counts) -> str:
    """Return what happened to known files and values: "3 moved, 2 missing, 1 corrected"."""
    return listed(
        {
            "moved": counts.moved,
            "missing": counts.missing,
            "corrected": counts.corrected,
            "disputed": counts.disputed,
            "back again": counts.returned,
            "replaced by a copy": counts.handed_over,
        }
    )


def _parts(counts: Counts) -> str:
    parts = listed(
        {
            "new": counts.new,
            "changed": counts.changed,
            "unfinished before": counts.unfinished,
            "unchanged": counts.unchanged,
        }
    )
    return f": {parts}" if parts else ""


def _left_out(names: int) -> str:
    if not names:
        return ""
    return number_of(names, "hidden file or folder", "hidden files, folders or recycle bins")


def _passages(findings: Findings) -> str:
    if not findings.passages:
        return ""
    heard = clock(findings.sound_ticks / TICKS_PER_SECOND)
    return f"{findings.passages:,} in {heard} of sound"


def _flavor(findings: Findings) -> str:
    return listed(
        {
            **{f"by {source}": number for source, number in findings.flavors.items()},
            "known before": findings.flavors_settled,
            "unknown to every source": findings.flavors_failed,
            "not asked for": findings.flavors_pending,
        }
    )


def _written(writes: Totals) -> str:
    rows = {table: writes.rows[table].inserted for table in SHOWN_TABLES if table in writes.rows}
    return ", ".join(number_of(number, table[:-1]) for table, number in rows.items() if number)


def _kept(passages: int) -> str:
    if not passages:
        return ""
    return f"{number_of(passages, 'passage')} that a user edited, no longer found in the file"
