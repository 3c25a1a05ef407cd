"""Two revisions are compared in one run, each by its own package."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from tests.benchmarks import against
from tests.benchmarks.__main__ import main
from tests.benchmarks.one_revision import BY_HAND, WAYS
from tests.benchmarks.place import open_place

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_a_revision_is_compared_with_the_checkout_in_every_way_of_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(against, "BLOCK", 3)
    path = tmp_path / "figures.json"
    arguments = ["--against", "HEAD", "--quick", "--json", str(path)]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    rows = {row["way"]: row for row in json.loads(path.read_text())["results"]["against"]["rows"]}
    assert rows.keys() == WAYS.keys()
    for way, row in rows.items():
        assert row["ratio"] == pytest.approx(row["new"] / row["old"])
        assert ("surcharge_ratio" in row) == (way != BY_HAND)


@pytest.mark.slow
def test_a_package_that_is_not_the_one_to_be_measured_is_not_measured(tmp_path: Path) -> None:
    with (
        open_place(directory=tmp_path, rounds=1, quick=True) as place,
        pytest.raises(RuntimeError, match="was to be measured"),
        against._process(place, tmp_path / "empty", 1),
    ):
        pass


def test_a_revision_that_git_does_not_know_is_said_to_be_none() -> None:
    result = CliRunner().invoke(main, ["--against", "no-such-revision", "--quick"])
    assert result.exit_code == 2
    assert "no-such-revision" in result.output
