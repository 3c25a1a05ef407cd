"""The benchmark of starts measures each program against the same one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.benchmarks import start
from tests.benchmarks.place import open_place

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_each_program_is_a_row_in_times_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = "sum(range(3_000_000))"
    programs = {start.BASELINE: ("-c", "pass"), "import wkmp_orm": ("-c", counting)}
    monkeypatch.setattr(start, "PROGRAMS", programs)
    with open_place(directory=tmp_path, rounds=1, quick=True) as place:
        first, second = start.measure(place).rows
    assert (first["program"], first["ratio"], first["target"]) == (start.BASELINE, 1.0, None)
    assert second["ratio"] > 1
    assert second["target"] == "<= 1.5"
    assert second["met"] == (second["ratio"] <= 1.5)
