"""The command: which parts, how many trials, and what is printed; exit code 1 on one loss."""

from __future__ import annotations

import json
import logging
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from .jobs import end_children, run_at_once, run_part
from .machine import made_on
from .parts import PARTS, Part
from .places import warm_up
from .run import Run
from .table import around_table, as_markdown, as_table, write_page

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_TRIALS = 300


@click.command()
@click.argument("names", nargs=-1, metavar="[PART]...", type=click.Choice([p.name for p in PARTS]))
@click.option(
    "--trials",
    default=DEFAULT_TRIALS,
    show_default=True,
    help="Trials: kills in all, of which each part has its share, and half as many power cuts and"
    " failing calls; or of each part that is named.",
)
@click.option("--seed", default=1, show_default=True, help="What is drawn follows from it.")
@click.option(
    "--seconds",
    type=float,
    help="No part begins a trial so many seconds after its first; the soak lasts as long.",
)
@click.option("--jobs", default=1, show_default=True, help="How many parts run at once.")
@click.option("--markdown", is_flag=True, help="Print the table as Markdown, for a page.")
@click.option(
    "--page",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Write the table into a page as well, between its two comments.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was counted as JSON.")
def main(
    names: Sequence[str],
    trials: int,
    seed: int,
    seconds: float | None,
    jobs: int,
    *,
    page: Path | None,
    markdown: bool,
    as_json: bool,
) -> None:
    """Kill, cut, fill and fail what this package writes, and look for one lost row.

    Ends with 1 if anything was lost. Ctrl-C ends the run and prints what was done.
    """
    if page is not None:
        around_table(page)  # a page without a place is refused before anything is run
    told = Console(stderr=True)
    runs: list[Run] = []
    interrupted = False
    with tempfile.TemporaryDirectory(prefix="wkmp-torture-") as name:
        folder = Path(name).resolve()
        try:
            prepare(folder / "warm")
            work = _work(names, folder, trials, seed, seconds)
            if jobs > 1:
                for run in run_at_once(work, jobs):
                    runs.append(run)
                    _tell(run, told)
            else:
                for part, run in work:
                    runs.append(run)
                    run_part(part, run)
                    _tell(run, told)
        except KeyboardInterrupt:
            interrupted = True
            end_children()
    order = [part.name for part in PARTS]
    runs.sort(key=lambda run: order.index(run.part))
    if page is not None:
        write_page(page, as_markdown(runs, made_on(seed)))
    _print(runs, made_on(seed), markdown=markdown, as_json=as_json)
    if any(run.losses for run in runs):
        sys.exit(1)
    sys.exit(130 if interrupted else 0)


def prepare(folder: Path) -> None:
    """Load and compile what every child needs, and be silent about what is done on purpose."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background has it ignored
        signal.signal(signal.SIGINT, signal.default_int_handler)
    logging.disable(logging.ERROR)
    warm_up(folder)


def _work(
    names: Sequence[str], folder: Path, trials: int, seed: int, seconds: float | None
) -> list[tuple[Part, Run]]:
    """Return the parts that are wanted, each with its run to be filled."""
    work = []
    for part in PARTS:
        if names and part.name not in names:
            continue
        wanted = trials if names else max(1, round(trials * part.share))
        run = Run(part.name, folder / part.name, wanted, seed, seconds)
        run.folder.mkdir()
        work.append((part, run))
    return work


def _tell(run: Run, told: Console) -> None:
    for loss in run.losses:
        told.print(f"LOST in {run.part}, {loss}", style="red", markup=False)


def _print(runs: list[Run], title: str, *, markdown: bool, as_json: bool) -> None:
    if as_json:
        document: list[dict[str, Any]] = [
            asdict(run) | {"folder": None, "counts": dict(run.counts)} for run in runs
        ]
        click.echo(json.dumps(document))
    elif markdown:
        click.echo(as_markdown(runs, title))
    else:
        Console().print(as_table(runs, title))
