"""An importer in a process of its own, for tests of several that share a PostgreSQL.

    importer = Importer(database, home, name="one")
    importer.has_begun()  # two files, one for each of its workers
    importer.go_on()

It writes the path of each file that it begins into its log, and begins none but the first ones
before it may go on. So what happens meanwhile happens to files that are on their way, however slow
the machine is. Run as a program this module is an importer.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import CHECKOUT, environment
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Database
    from wkmp_orm.orchestrator import FileInProgress
    from wkmp_orm.orchestrator.scan import Scanned

KILLED = -signal.SIGKILL
WORKERS = 2
FIRST_CHUNK = 4
"""Files that a leader whose scan is interrupted has let wait."""


class Importer:
    """An import of a database's root that runs until its end or the test's."""

    def __init__(
        self,
        database: Database,
        home: Path,
        *,
        name: str,
        lease_s: int = 600,
        scan_stops: bool = False,
    ) -> None:
        """Start it. `scan_stops`: it does not go on with its scan either until it may.

        Its lease is longer than a test, unless the test is about one that is over.
        """
        self.log = home / f"{name}.log"
        self.log.touch()
        self._gate = home / f"{name}.gate"
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.support.importers", database.url),
                *(str(database.root), str(self.log), str(self._gate), str(lease_s)),
                *(["--scan-stops"] if scan_stops else []),
            ],
            env=environment(home),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            cwd=CHECKOUT,
        )

    @property
    def begun(self) -> list[str]:
        """The stored paths of the files that it has begun."""
        if self.process.poll() not in (None, 0, KILLED):
            pytest.fail(self.process.communicate()[1])
        return self.log.read_text("utf-8").splitlines()

    def has_begun(self) -> None:
        """Wait until each of its workers has begun a file, and waits."""
        until(lambda: len(self.begun) >= WORKERS)

    def go_on(self) -> None:
        """Let it go on."""
        self._gate.touch()

    def result(self) -> tuple[str, int, int]:
        """Wait for its end, and return its state, what it imported, and what all imported."""
        told, complaints = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0, complaints
        state, imported, together = told.split()
        return state, int(imported), int(together)

    def end(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.communicate()


def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def main(arguments: list[str]) -> None:
    """Be an importer."""
    from tests.support.decoding_here import decode_here  # noqa: PLC0415
    from wkmp_orm import Library  # noqa: PLC0415
    from wkmp_orm.orchestrator import (  # noqa: PLC0415
        STEPS,
        Step,
        import_folder,
        import_run,
        scan_queue,
    )
    from wkmp_orm.orchestrator.scan import scan_folder  # noqa: PLC0415
    from wkmp_orm.phases import members  # noqa: PLC0415

    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("root", type=Path)
    parser.add_argument("log", type=Path)
    parser.add_argument("gate", type=Path)
    parser.add_argument("lease_s", type=int)
    parser.add_argument("--scan-stops", action="store_true")
    told = parser.parse_args(arguments)

    def begin(file: FileInProgress) -> None:
        with told.log.open("a", encoding="utf-8") as lines:
            lines.write(f"{file.path}\n")
        until(told.gate.exists)

    def scan_in_two_parts(folder: Path) -> Iterator[Scanned]:
        for number, each in enumerate(scan_folder(folder)):
            if number == FIRST_CHUNK:
                until(told.gate.exists)
            yield each

    patch = pytest.MonkeyPatch()
    patch.setattr(members, "LEASE_S", told.lease_s)
    if told.scan_stops:
        patch.setattr(scan_queue, "CHUNK", FIRST_CHUNK)
        patch.setattr(import_run, "scan_folder", scan_in_two_parts)
    decode_here(patch)
    with Library.open(told.url, root=told.root) as library:
        steps = [Step("begin", begin), *STEPS]
        summary = import_folder(library, workers=WORKERS, steps=steps, flavor_sources=[])
    assert summary.together is not None
    sys.stdout.write(
        f"{summary.state.value} {summary.counts.imported} {summary.together.imported}\n"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
