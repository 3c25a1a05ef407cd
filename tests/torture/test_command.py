"""The command prints what was tried, and ends with 1 on one loss; short runs lose nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from tests.support.commands import CHECKOUT
from tests.support.patience import PATIENCE_S
from tests.torture import command, jobs, table
from tests.torture.parts import PARTS, Part

if TYPE_CHECKING:
    from pathlib import Path

    from tests.torture.run import Run

HANGS_AFTER_S = 6 * PATIENCE_S
MAIN = ("kills-sqlite", "kills-sqlite-processes", "kills-postgresql", "power-cuts", "failing-calls")
WANTS_A_COMPILER = {"power-cuts", "failing-calls", "full-disk", "few-descriptors", "clock-jumps"}


def sound(run: Run) -> None:
    while run.goes_on():
        run.passed(units_reported=run.moment().randint(1, 1))


def losing(run: Run) -> None:
    while run.goes_on():
        run.passed(losses=["a row"] if run.trials == 2 else [])


def broken(run: Run) -> None:
    raise RuntimeError(run.part)


def interrupted(run: Run) -> None:
    run.passed()
    raise KeyboardInterrupt


def absent(run: Run) -> None:
    run.not_run = "not run: no C compiler"


def ran(monkeypatch: pytest.MonkeyPatch, *parts: Any, options: tuple[str, ...] = ()) -> Any:
    """Run the command with parts of the test's own."""
    named = [Part(each.__name__, "is tried", 0.5, each) for each in parts]
    monkeypatch.setattr(command, "PARTS", named)
    monkeypatch.setattr(table, "PARTS", named)
    monkeypatch.setattr(command, "prepare", lambda _folder: None)
    for module in (command, jobs):
        monkeypatch.setattr(module, "end_children", lambda: None)
    return CliRunner().invoke(command.main, ["--trials", "10", *options])


def test_a_run_without_losses_ends_with_0_and_says_what_was_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = ran(monkeypatch, sound, absent, options=("--markdown",))
    assert result.exit_code == 0
    assert "| sound | is tried | 5 | 0 | 0 | 5 units reported |" in result.stdout
    assert "| absent | is tried | not run |  | 0 | not run: no C compiler |" in result.stdout
    assert "seed 1" in result.stdout


def test_the_table_of_a_run_replaces_the_one_in_a_page(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n\n{table.BEGIN}old\n{table.END}\n\nafter\n")
    assert ran(monkeypatch, sound, options=("--page", str(page))).exit_code == 0
    written = page.read_text()
    assert written.startswith("before\n")
    assert written.endswith("after\n")
    assert "| sound | is tried | 5 | 0 |" in written
    assert "old" not in written
    page.write_text("no place")
    assert "has no place" in ran(monkeypatch, broken, options=("--page", str(page))).stderr


def test_one_loss_ends_the_command_with_1_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    result = ran(monkeypatch, losing, sound, options=("--json",))
    assert result.exit_code == 1
    assert "LOST in losing" in result.stderr
    lost, not_lost = json.loads(result.stdout)
    assert (len(lost["losses"]), not_lost["losses"]) == (1, [])


def test_a_part_that_fails_itself_is_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    result = ran(monkeypatch, broken, sound)
    assert result.exit_code == 1
    assert "the part itself failed: RuntimeError" in result.stderr


def test_ctrl_c_prints_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    result = ran(monkeypatch, sound, interrupted, losing, options=("--markdown",))
    assert result.exit_code == 130
    assert "| interrupted | is tried | 1 | 0 |" in result.stdout
    assert "losing" not in result.stdout


def short_run(*arguments: str) -> dict[str, dict[str, Any]]:
    """Run the command as CI does, and return what became of each part."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.torture", "--json", *arguments],
        check=False,
        capture_output=True,
        encoding="utf-8",
        cwd=CHECKOUT,
        timeout=HANGS_AFTER_S,
    )
    assert run.returncode == 0, run.stderr
    return {each["part"]: each for each in json.loads(run.stdout)}


def assert_tried(runs: dict[str, dict[str, Any]]) -> None:
    has_compiler = sys.platform == "linux" and shutil.which("cc") is not None
    for name, run in runs.items():
        if has_compiler or name not in WANTS_A_COMPILER:
            assert run["trials"] > 0, f"{name}: {run['not_run']}"
        else:
            assert run["not_run"].startswith("not run: "), name


@pytest.mark.timeout(1_900)
def test_a_few_kills_power_cuts_and_failing_calls_lose_nothing() -> None:
    runs = short_run(*MAIN, "--trials", "12", "--seconds", "2")
    assert set(runs) == set(MAIN)
    assert_tried(runs)


@pytest.mark.slow
@pytest.mark.timeout(1_900)
def test_a_short_run_of_every_part_loses_nothing() -> None:
    runs = short_run("--trials", "150", "--seconds", "5", "--seed", "2")
    assert set(runs) == {part.name for part in PARTS}
    assert_tried(runs)
