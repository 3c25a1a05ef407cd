"""Whoever kills an adoption finds the database as it was, or adopted: never anything between."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

import pytest

from tests.adoption.checking import check_adopted, dump
from tests.adoption.made import MAIN, make
from tests.adoption.rows import faulty, file, passage
from wkmp_orm import Library

if TYPE_CHECKING:
    from pathlib import Path

KILLS: Final = int(os.environ.get("WKMP_ADOPTION_KILLS", "12"))
"""How many moments the slow test tries, of some 2 s of computing each."""

ADOPTING = """
import os, signal, sys
from wkmp_orm import Library

def tell(step):
    print(step.what, step.table, flush=True)
    if [step.what, step.table] == sys.argv[2:]:
        os.kill(os.getpid(), signal.SIGKILL)

Library.adopt(sys.argv[1], on_progress=tell)
print("committed", flush=True)
"""


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(("converting", "passages"), marks=pytest.mark.slow),
        ("reading back", "passage_songs"),
    ],
)
def test_an_adoption_that_is_killed_at_a_step_has_changed_nothing(
    database: Path, step: tuple[str, str]
) -> None:
    make(database, MAIN, faulty())
    before = dump(database)
    arguments = [sys.executable, "-c", ADOPTING, str(database), *step]
    done = subprocess.run(arguments, check=False, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL
    assert done.stdout.splitlines()[-1] == " ".join(step)
    assert dump(database) == before
    again = Library.adopt(database)
    assert again.is_needed
    assert again.backup is not None
    assert dump(again.backup) == before


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(KILLS))
def test_an_adoption_that_is_killed_at_any_moment_leaves_the_old_database_or_the_new_one(
    database: Path, seed: int
) -> None:
    rows = faulty()
    rows["files"] += [file(n) for n in range(5_000, 9_000)]
    rows["passages"] += [passage(n + 10_000, n) for n in range(5_000, 9_000)]
    make(database, MAIN, rows)
    before = dump(database)
    original = database.with_name("original.db")
    original.write_bytes(database.read_bytes())
    arguments = [sys.executable, "-c", ADOPTING, str(database)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as adopting:
        assert adopting.stdout is not None
        adopting.stdout.readline()  # it has begun
        time.sleep(random.Random(seed).uniform(0, 2.0))
        os.kill(adopting.pid, signal.SIGKILL)
        is_committed = "committed" in adopting.stdout.read()
    if dump(database) == before:
        assert not is_committed
        adoption = Library.adopt(database)
        assert adoption.is_needed
        check_adopted(database, original, adoption)
    else:
        assert not Library.adopt(database).is_needed
        Library.open(database).close()
