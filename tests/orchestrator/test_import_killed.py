"""An import that is killed with SIGKILL at any moment loses nothing and doubles nothing."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import sqlalchemy as sa

from tests.support.canonical import canonical
from tests.support.commands import CHECKOUT
from tests.support.imports import sessions
from tests.support.patience import PATIENCE_S
from tests.support.varied_music import make_documents, make_varied_music
from wkmp_orm import Library
from wkmp_orm.models import SessionState
from wkmp_orm.orchestrator import import_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.postgres import PostgresServer


# Says when it begins, so that the moment is one of the import and not of Python's start.
PROGRAM = """
import sys
from wkmp_orm import Library
from wkmp_orm.orchestrator import import_folder

with Library.open(sys.argv[1], root=sys.argv[2]) as library:
    print("begins", flush=True)
    import_folder(library, workers=3)
"""

kills = pytest.mark.parametrize(
    "kills",
    [1, pytest.param(10, marks=[pytest.mark.slow, pytest.mark.timeout(1_800)])],
    ids=str,
)


@pytest.fixture
def varied(music: Path) -> Path:
    """Fill the library's root with music of all sorts."""
    make_varied_music(music)
    return music


@pytest.fixture
def new_database(
    request: pytest.FixtureRequest, tmp_path: Path, music: Path
) -> Callable[[str, int], str]:
    """Give a function that makes a fresh database of a kind and returns its URL."""

    def make(dialect: str, number: int) -> str:
        if dialect == "sqlite":
            template: Path = request.getfixturevalue("sqlite_template")
            path = tmp_path / f"{number}.db"
            path.write_bytes(template.read_bytes())
            return str(path)
        server: PostgresServer = request.getfixturevalue("postgres_server")
        name = f"killed_{number}"
        template_name = request.getfixturevalue("postgresql_template")
        url = str(server.create_database(name, template=template_name))
        request.addfinalizer(lambda: server.drop_database(name))
        return url

    return make


def kill_after(seconds: float, url: str, root: Path) -> int | None:
    """Start an import, kill it so long after its beginning, and return how it ended."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, url, str(root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=CHECKOUT,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"begins\n"
            time.sleep(seconds)
            decoders = psutil.Process(process.pid).children() if process.poll() is None else []
        finally:
            process.kill()
        process.wait(PATIENCE_S)
        gone, alive = psutil.wait_procs(decoders, timeout=PATIENCE_S)
        assert alive == []
        assert len(gone) == len(decoders)
        return process.returncode


def assert_sound(library: Library) -> None:
    """Assert that the database is whole, and every reference in it leads to a row."""
    if library.target.path is None:
        return  # PostgreSQL checks its references itself, and recovers from its log
    with library.reader() as session:
        assert session.scalar(sa.text("PRAGMA integrity_check")) == "ok"
        assert session.execute(sa.text("PRAGMA foreign_key_check")).all() == []


@kills
@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_killed_at_any_moment_a_rerun_comes_to_the_same_as_an_undisturbed_import(
    new_database: Callable[[str, int], str],
    varied: Path,
    tmp_path: Path,
    dialect: str,
    kills: int,
) -> None:
    documents = str(make_documents(tmp_path / "documents"))

    def open_library(number: int) -> Library:
        return Library.open(new_database(dialect, number), root=varied)

    with open_library(0) as undisturbed:
        undisturbed.settings.save({"acousticbrainz_folder": documents})
        summary = import_folder(undisturbed, workers=3)
        expected = canonical(undisturbed)
    moments = random.Random(kills)
    killed = 0
    number = 0
    found: dict[SessionState | None, int] = {}
    while killed < kills:
        number += 1
        with open_library(number) as library:
            library.settings.save({"acousticbrainz_folder": documents})
            url = str(library.target.url) if dialect == "postgresql" else str(library.target.path)
        # Now and then twice in a row, as by somebody who is impatient.
        for _ in range(1 + (number % 5 == 0)):
            ended = kill_after(moments.uniform(0, 1.3 * summary.seconds), url, varied)
            killed += ended == -signal.SIGKILL
        with Library.open(url) as library:
            assert_sound(library)
            state = _state(library)
            found[state] = found.get(state, 0) + 1
            rerun: Any = import_folder(library, workers=3)
            assert rerun.state is SessionState.COMPLETED
            assert_sound(library)
            assert canonical(library) == expected, f"killed {number}. time in {state}"
            assert {each.state for each in sessions(library)[:-1]} <= {
                SessionState.CANCELLED,
                SessionState.COMPLETED,
            }
    # Most of them hit the middle of an import; of three all may have missed it.
    assert found.get(SessionState.PROCESSING, 0) >= kills // 4, found


def _state(library: Library) -> SessionState | None:
    all_sessions = sessions(library)
    return all_sessions[-1].state if all_sessions else None
