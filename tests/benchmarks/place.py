"""Where and how much is measured: a folder for databases, a PostgreSQL, and how many rounds.

Knows no contender.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks.databases import make_template
from tests.support.postgres import running_server
from wkmp_orm import Library

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgres import PostgresServer

TEMPLATE = "benchmark_template"
GROWTH_FILES: Final = 41_666
"""A million passages, less a few."""


@dataclass
class Place:
    """What a benchmark needs to know of the run that it is part of."""

    root: Path
    rounds: int
    quick: bool
    resources: ExitStack
    music: Path | None = None
    growth_files: int = GROWTH_FILES
    """How many files `growth` records."""
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def some(self, usual: int, *, quick: int) -> int:
        """Return how many, in this run."""
        return quick if self.quick else usual

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Give an empty folder, and delete it with what was put there."""
        folder = Path(tempfile.mkdtemp(dir=self.root))
        try:
            yield folder
        finally:
            shutil.rmtree(folder)

    @cached_property
    def template(self) -> Path:
        """The empty SQLite database that copies are made of."""
        return make_template(self.root / "template.db")

    def copy_template(self, path: Path) -> Path:
        """Copy the empty SQLite database to a path."""
        shutil.copyfile(self.template, path)
        return path

    @cached_property
    def _server(self) -> PostgresServer:
        server = self.resources.enter_context(running_server())
        Library.open(server.create_database(TEMPLATE)).close()
        return server

    @contextmanager
    def postgresql(self) -> Iterator[str]:
        """Give the URL of a fresh PostgreSQL database, and drop it."""
        name = f"benchmark_{next(self._numbers)}"
        url = self._server.create_database(name, template=TEMPLATE)
        try:
            yield url
        finally:
            self._server.drop_database(name)


@contextmanager
def open_place(
    *,
    directory: Path | None,
    rounds: int,
    quick: bool,
    music: Path | None = None,
    growth_files: int = GROWTH_FILES,
) -> Iterator[Place]:
    """Prepare a run, and clear everything away after it."""
    with ExitStack() as resources:
        root = resources.enter_context(tempfile.TemporaryDirectory(dir=directory))
        yield Place(Path(root), rounds, quick, resources, music, growth_files)
