"""What an import did, for people and for programs.

Knows the numbers of an import; must not know how they came about.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from wkmp_orm.cli.terminal import out, printable
from wkmp_orm.paths import path_text

if TYPE_CHECKING:
    from wkmp_orm.engine.monitor import Totals
    from wkmp_orm.orchestrator import Counts, ImportSummary

SHOWN_TABLES: Final = ("files", "passages", "songs", "artists", "albums", "works")


def as_document(summary: ImportSummary) -> dict[str, Any]:
    """Return the summary as JSON can hold it. Paths are spelled as they are stored."""
    writes = summary.writes
    return {
        "state": summary.state.value,
        "session_id": summary.session_id,
        "database": summary.database,
        "root": path_text(summary.root),
        "folder": path_text(summary.folder),
        "seconds": round(summary.seconds, 3),
        "files": asdict(summary.counts),
        "failures": [asdict(failure) for failure in summary.failures],
        "kept_passages": list(summary.kept_passages),
        "writes": {
            "transactions": writes.transactions,
            "rolled_back": writes.rolled_back,
            "retries": writes.retries,
            "lock_errors": writes.lock_errors,
            "waited_ms": {
                "total": round(writes.total_wait_ms, 3),
                "longest": round(writes.longest_wait_ms, 3),
            },
            "held_ms": {
                "p50": round(writes.hold_p50_ms, 3),
                "p95": round(writes.hold_p95_ms, 3),
                "p99": round(writes.hold_p99_ms, 3),
                "longest": round(writes.longest_hold_ms, 3),
            },
            "rows": {table: asdict(rows) for table, rows in sorted(writes.rows.items())},
            "by_worker": dict(sorted(writes.share_by_worker.items())),
        },
    }


def show_summary(summary: ImportSummary) -> None:
    """Print the summary on stdout."""
    out.print(_headline(summary))
    lines = _lines(summary)
    if lines:
        out.print()
    for name, value in lines:
        out.print(Text.assemble((f"  {name:<12}", "dim"), value))
    if summary.failures:
        out.print()
        out.print(Text(f"{_files(len(summary.failures))} could not be imported:", style="bold red"))
        for failure in summary.failures:
            out.print(
                Text.assemble(
                    "  ",
                    (printable(failure.path), "bold"),
                    f": {printable(failure.reason)}",
                    (f" ({failure.phase.replace('_', ' ')})", "dim"),
                )
            )


def _headline(summary: ImportSummary) -> Text:
    counts = summary.counts
    took = f"in {summary.seconds:.1f} s"
    if summary.was_cancelled:
        left = counts.to_import - counts.done
        rest = f"{_files(left)} left" if left else "the scan was not finished"
        return Text(
            f"Stopped {took}: {_files(counts.imported)} imported, {rest}."
            " The same command goes on from there.",
            style="bold yellow",
        )
    if counts.to_import == 0:
        return Text(f"Nothing to import {took}: {_files(counts.found)} unchanged.", "bold green")
    rate = counts.done / max(summary.seconds, 0.001)
    return Text(
        f"Imported {_files(counts.imported)} {took} ({rate:,.0f} a second).", style="bold green"
    )


def _lines(summary: ImportSummary) -> list[tuple[str, str]]:
    counts, writes = summary.counts, summary.writes
    if counts.to_import == 0:
        return []
    lines = {
        "Found": f"{_files(counts.found)}{_parts(counts)}",
        "Identified": f"{counts.identified:,} by the MusicBrainz id of their recording",
        "Duplicates": f"{counts.duplicates:,} equal to another file" if counts.duplicates else "",
        "Kept": _kept(summary.kept_passages),
        "Written": _written(writes),
        "Database": (
            f"{writes.transactions:,} transactions,"
            f" {f'{writes.retries:,} retried' if writes.retries else 'none retried'}"
        ),
        "Lock": (
            f"waited for {_ms(writes.longest_wait_ms)} at most, held {_ms(writes.hold_p50_ms)}"
            f" (median), {_ms(writes.longest_hold_ms)} at most"
        ),
    }
    return [(name, value) for name, value in lines.items() if value]


def _parts(counts: Counts) -> str:
    numbers = {
        "new": counts.new,
        "changed": counts.changed,
        "unfinished before": counts.unfinished,
        "unchanged": counts.unchanged,
    }
    parts = [f"{number:,} {name}" for name, number in numbers.items() if number]
    return f": {', '.join(parts)}" if parts else ""


def _written(writes: Totals) -> str:
    rows = {table: writes.rows[table].inserted for table in SHOWN_TABLES if table in writes.rows}
    return ", ".join(
        f"{number:,} {table if number > 1 else table[:-1]}"
        for table, number in rows.items()
        if number
    )


def _kept(passages: tuple[str, ...]) -> str:
    if not passages:
        return ""
    return f"{len(passages):,} passages that a user edited, though their files have others now"


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:,.0f} ms" if milliseconds >= 10 else f"{milliseconds:.1f} ms"


def _files(number: int) -> str:
    return f"{number:,} file{'' if number == 1 else 's'}"
