"""Lists what breaks the rule: one short history for each kind of finding, and how often it came.

python -m tests.histories.findings [--postgresql] [--bulk SENDER] [--examples N] [--seed N]
    [--without FEATURE]... [--tables TABLE...]
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.histories.drawing import FEATURES
from tests.histories.exploring import explore
from tests.histories.music import ENTITIES, MUSIC
from tests.support.postgres import running_server
from wkmp_orm import Library

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wkmp_orm.core.engine.options import BulkChoice


@contextmanager
def _library(*, postgresql: bool, bulk: BulkChoice) -> Iterator[Library]:
    with tempfile.TemporaryDirectory() as folder:
        if not postgresql:
            with Library.open(Path(folder) / "wkmp.db", bulk=bulk) as library:
                yield library
            return
        with running_server() as server:
            url = server.create_database("histories")
            with Library.open(url, root=Path(folder), bulk=bulk) as library:
                yield library


def main() -> None:
    """Explore, and print what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.histories.findings")
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--bulk", default="auto", choices=["auto", "session", "driver"])
    parser.add_argument("--examples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--without", action="append", default=[], choices=sorted(FEATURES))
    parser.add_argument("--tables", nargs="+", default=[], choices=ENTITIES, metavar="TABLE")
    arguments = parser.parse_args()
    logging.disable()
    started = time.monotonic()
    with (
        _library(postgresql=arguments.postgresql, bulk=arguments.bulk) as library,
        explore(
            library,
            MUSIC,
            arguments.examples,
            features=FEATURES - set(arguments.without),
            tables=tuple(arguments.tables),
            seeded=arguments.seed,
            tell=lambda found: print(f"found {found}\n", flush=True),
        ) as findings,
    ):
        took = time.monotonic() - started
        print(f"{findings.histories} histories, {took:.0f} s", flush=True)
        print(", ".join(f"{count} {what}" for what, count in sorted(findings.tally.items())))
        for kind, count in findings.seen.most_common():
            print(f"{count:6} {kind}", flush=True)
        for found in findings.distinct():
            print(f"\n--- {found}", flush=True)


if __name__ == "__main__":
    main()
