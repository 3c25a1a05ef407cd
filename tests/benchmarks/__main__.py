"""The benchmarks' command line: `python -m tests.benchmarks`."""

from __future__ import annotations

import logging
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console

from tests.benchmarks import (
    against,
    bulk,
    claims,
    equal_files,
    fairness,
    far_away,
    growth,
    headline,
    importing,
    looking,
    memory,
    one_file,
    overhead,
    sound,
    start,
    steps,
)
from tests.benchmarks.page import as_markdown, refuse_other_pages, write_page
from tests.benchmarks.place import GROWTH_FILES, open_place
from tests.benchmarks.report import Result, load, machine, show, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.benchmarks.place import Place

BENCHMARKS: Final[dict[str, Callable[[Place], Result]]] = {
    "one-file": one_file.against_the_limit,
    "steps": steps.measure,
    "one-file-postgresql": one_file.on_postgresql,
    "others": one_file.against_others,
    "bulk": bulk.on_sqlite,
    "bulk-postgresql": bulk.on_postgresql,
    "claims": claims.measure,
    "equal-files": equal_files.measure,
    "fairness": fairness.measure,
    "far-away": far_away.measure,
    "growth": growth.measure,
    "headline": headline.measure,
    "looking": looking.measure,
    "memory": memory.measure,
    "overhead": overhead.measure,
    "import": importing.measure,
    "sound": sound.measure,
    "start": start.measure,
}
WIDTH: Final = 160
"""Characters for the tables where there is no terminal that has a width."""

LONG: Final[frozenset[str]] = frozenset({"growth", "memory"})
"""Those that take many minutes: only with --long, or by name."""


@click.command()
@click.option(
    "--only", multiple=True, type=click.Choice(list(BENCHMARKS)), help="Run this one; repeatable."
)
@click.option(
    "--against",
    "against_revision",
    metavar="REV",
    help="Run only this: the checkout and another revision of the package, in turns; what is"
    " recorded, or with --only sound the analysis of sound.",
)
@click.option(
    "--instructions",
    is_flag=True,
    help="With --against: count instructions as well, by valgrind; takes three minutes more.",
)
@click.option("--long", "with_long", is_flag=True, help="Run those as well that take very long.")
@click.option("--quick", is_flag=True, help="Little work, one round: does it run at all?")
@click.option("--rounds", default=5, show_default=True, help="How often each is measured.")
@click.option(
    "--directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the databases are made; by default the system's temporary folder.",
)
@click.option(
    "--music",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of real music, for the benchmark `sound`.",
)
@click.option(
    "--growth-files",
    type=click.IntRange(min=10),
    default=GROWTH_FILES,
    show_default=True,
    help="How many files of 24 passages `growth` records; 200,000 take 7 GB for each contender.",
)
@click.option(
    "--page",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Write the tables into a page as well, between its two comments; with --against the others"
    " are measured, too.",
)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures too.")
def main(
    only: tuple[str, ...],
    *,
    against_revision: str | None,
    instructions: bool,
    with_long: bool,
    quick: bool,
    rounds: int,
    directory: Path | None,
    music: Path | None,
    growth_files: int,
    page: Path | None,
    json_path: Path | None,
) -> None:
    """Measure wkmp_orm beside hand-written SQL and other libraries, in turns."""
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    logging.getLogger("wkmp_orm").addHandler(logging.NullHandler())  # its warnings are not ours
    measured_on, began = machine(), time.monotonic()
    console.print(", ".join(f"{name} {value}" for name, value in measured_on.items()))
    if page is not None:
        refuse_other_pages(page)
    chosen: Mapping[str, Callable[[Place], Result]] = {
        name: measure
        for name, measure in BENCHMARKS.items()
        if (name in only if only else with_long or name not in LONG)
    }
    if against_revision is not None:
        others = {} if page is None else dict(chosen)
        chosen = others | {
            "against": partial(against.compare_sound, revision=against_revision)
            if "sound" in only
            else partial(
                against.compare, revision=against_revision, count_instructions=instructions
            )
        }
    results = []
    many = 1 if quick else rounds
    with open_place(
        directory=directory, rounds=many, quick=quick, music=music, growth_files=growth_files
    ) as place:
        for name, measure in chosen.items():
            started = time.monotonic()
            with console.status(name):
                result = measure(place)
            console.print(f"{name}: {time.monotonic() - started:.0f} s")
            show(result, console)
            results.append(result)
    console.print(f"load average at the end: {load()}")
    if page is not None:
        text = as_markdown(
            results,
            machine=measured_on,
            load_after=load(),
            seconds=time.monotonic() - began,
        )
        write_page(page, text)
    if json_path is not None:
        write_json(results, json_path)


if __name__ == "__main__":
    main()
