"""The live view of an import on a terminal: progress, speed, findings, workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.cells import cell_len, set_cell_size
from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from wkmp_orm.cli.terminal import printable
from wkmp_orm.cli.words import clock, number_of, plain, rate
from wkmp_orm.ticks import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from wkmp_orm.orchestrator import Findings, ImportProgress, WorkerActivity

ROOM_FOR_THE_REST: Final = 8
"""Lines that are not for workers: the bar, the findings, and earlier output."""
BEFORE_A_PATH: Final = 4 + 2 + 20 + 9 + 2
"""Columns of a worker's line before the path: number, phase, time."""
GAP: Final = 2
LEAST_BAR: Final = 5
"""Columns between the parts of a line, and the least width of a useful bar."""
LEAST_S: Final = 2.0
LEAST: Final = 0.01
"""Time and part of an import before which an estimate of the remaining time is off by hours."""
PHASES_FROM_HEIGHT: Final = 30
"""The phases, which change least, are left out on a terminal with fewer lines."""


def live_view(
    progress: ImportProgress,
    *,
    now: float,
    height: int,
    width: int = 80,
    ascii_only: bool = False,
) -> RenderableType:
    """Return the view for a terminal of this size; `now` is `time.monotonic()`."""
    if progress.stage == "ended":
        return Text()
    if progress.stage != "processing":
        found = number_of(progress.counts.found, "file")
        text = Text.assemble("Scanning  ", (found, "bold"), " found", (_away(progress), "yellow"))
        return Spinner("line" if ascii_only else "dots", text=text)
    parts: list[RenderableType] = [_bar(progress, width), _findings(progress)]
    room = height - ROOM_FOR_THE_REST
    if told := together(progress):
        parts.append(_line((f"  {told}", "cyan")))
        room -= 1
    if progress.away_s:
        parts.append(_line((f"  {away(progress)}", "yellow")))
        room -= 1
    if height >= PHASES_FROM_HEIGHT:
        parts.append(_phases(progress))
        room -= len(progress.phases)
    parts.append(_workers(progress.active, now, max(room, 1), width))
    return Group(*parts)


def together(progress: ImportProgress) -> str:
    """Return the common progress of several importers; empty if there is only one."""
    shared = progress.shared
    if shared is None:
        return ""
    led = f"; {shared.leader} leads" if progress.joined and shared.leader else ""
    of = f" of {number_of(shared.to_import, 'file')}" if shared.to_import else " files"
    return f"{number_of(shared.importers, 'importer')} together: {shared.done:,}{of}{led}"


def away(progress: ImportProgress) -> str:
    """Return the message while an import waits for the database's server."""
    return f"the database has been away for {progress.away_s:,.0f} s; waiting"


def _away(progress: ImportProgress) -> str:
    return f"; {away(progress)}" if progress.away_s else ""


def remaining_s(progress: ImportProgress) -> float | None:
    """Return the remaining seconds, estimated by bytes; None while no estimate is possible."""
    counts = progress.counts
    if progress.processing_seconds < LEAST_S or counts.bytes_done < LEAST * counts.bytes_to_import:
        return None
    left = max(counts.bytes_to_import - counts.bytes_done, 0)
    return left * progress.processing_seconds / max(counts.bytes_done, 1)


def speed(progress: ImportProgress) -> str:
    """Return the speed: files, and decoded sound as a multiple of real time."""
    seconds = max(progress.processing_seconds, 0.001)
    heard = progress.findings.sound_ticks / TICKS_PER_SECOND / seconds
    times = f", {heard:,.0f} times as fast as the music" if heard >= 1 else ""
    return f"{rate(progress.counts.done / seconds, 'file')}{times}"


def identified(findings: Findings) -> str:
    """Return how many passages are identified, unsure or unknown."""
    known, unsure = findings.identified, findings.medium + findings.low
    return ", ".join(
        words
        for words, number in (
            (f"{number_of(known, 'passage')} identified", known),
            (f"{unsure:,} of them to be reviewed", unsure),
            (f"{findings.unidentified:,} unknown", findings.unidentified),
        )
        if number
    )


def _bar(progress: ImportProgress, width: int) -> RenderableType:
    """Return one line; if it is too narrow for a bar, only the numbers."""
    counts = progress.counts
    shared = progress.shared
    left = remaining_s(progress) if shared is None else None
    whole, done = (counts.bytes_to_import, counts.bytes_done)
    of = f" of {number_of(counts.to_import, 'file')}"
    if shared is not None:
        whole, done, of = shared.to_import, shared.done, " here"
    numbers = [
        Text.assemble((f"{counts.done:,}", "bold"), of),
        Text("" if left is None else f"{clock(left)} left", style="cyan"),
        Text(f"{counts.failed:,} failed" if counts.failed else "", style="red"),
    ]
    title = Text("Importing")
    room = width - sum(each.cell_len + GAP for each in [title, *numbers])
    bar = ProgressBar(total=max(whole, 1), completed=done, width=min(room, 30))
    grid = Table.grid(padding=(0, GAP))
    columns: list[RenderableType] = [title, bar, *numbers] if room >= LEAST_BAR else [*numbers]
    for _ in columns:
        grid.add_column(no_wrap=True)
    grid.add_row(*columns)
    return grid


def _findings(progress: ImportProgress) -> RenderableType:
    counts, findings = progress.counts, progress.findings
    found = {
        number_of(findings.passages, "passage"): findings.passages,
        number_of(counts.duplicates, "duplicate"): counts.duplicates,
        f"{counts.no_audio:,} without sound": counts.no_audio,
    }
    lines = (
        f"{speed(progress)}; {', '.join(words for words, number in found.items() if number)}",
        identified(findings) if findings.identified else "",
    )
    return Group(*(_line((f"  {line.removesuffix('; ')}", "dim")) for line in lines if line))


def _phases(progress: ImportProgress) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column()
    for _ in range(3):
        table.add_column(justify="right")
    for phase, effort in progress.phases.items():
        waited = f"{effort.waited_s:,.0f} s waited" if effort.waited_s >= 1 else ""
        table.add_row(
            Text(f"  {plain(phase)}", style="dim"),
            Text(number_of(effort.files, "file"), style="dim"),
            Text(f"{effort.seconds:,.1f} s", style="dim"),
            Text(waited, style="dim"),
        )
    return table


def _workers(active: Sequence[WorkerActivity], now: float, room: int, width: int) -> RenderableType:
    # Sorted, so that a line keeps its place when its worker enters another phase.
    by_worker = sorted(active, key=lambda each: (len(each.worker), each.worker))
    shown = by_worker if len(active) <= room else by_worker[: max(room - 1, 0)]
    lines = [
        _line(
            (f"{each.worker.rpartition('-')[2]:>4}  ", "dim"),
            (
                f"{'waits for a decoder' if each.waits else plain(each.phase):<20}",
                "yellow" if each.waits else "green",
            ),
            (f"{f'{now - each.since:,.1f} s':>9}  ", "dim"),
            shortened(printable(each.path), width - BEFORE_A_PATH),
        )
        for each in shown
    ]
    if len(shown) < len(active):
        lines.append(_line((f"      and {len(active) - len(shown)} more", "dim")))
    return Group(*lines)


def shortened(path: str, room: int) -> str:
    """Return a path shortened to `room` columns that keeps the file's name."""
    if cell_len(path) <= room:
        return path
    folder, slash, name = path.rpartition("/")
    mark = f"...{slash}"
    if cell_len(name) + len(mark) > room:
        # Even the name is too long: keep its beginning and end, which tell files apart.
        end = max((room - 3) * 2 // 5, 0)
        return f"{set_cell_size(name, max(room - 3 - end, 0))}...{_last(name, end)}"[: max(room, 0)]
    return f"{set_cell_size(folder, room - cell_len(name) - len(mark)).rstrip()}{mark}{name}"


def _last(text: str, room: int) -> str:
    """Return as much of the end of a text as fits."""
    while cell_len(text) > room:
        text = text[1:]
    return text


def _line(*parts: str | tuple[str, str]) -> Text:
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")
