"""With `keep`, older backups are FILE.1, FILE.2 ..., and only the oldest are dropped."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from wkmp_orm.core.backup.rotation import make_way

if TYPE_CHECKING:
    from collections.abc import Collection


def in_order(folder: Path) -> list[str]:
    """Return what the backups hold, the newest first."""
    numbered = sorted(folder.glob("b.[0-9]*"), key=lambda each: int(each.suffix[1:]))
    newest = [folder / "b"] if (folder / "b").exists() else []
    return [each.read_text() for each in [*newest, *numbered]]


def fill(folder: Path, numbers: Collection[int]) -> None:
    for number in numbers:
        (folder / (f"b.{number}" if number else "b")).write_text(str(number))


@given(numbers=st.sets(st.integers(0, 12)), keep=st.integers(1, 8))
def test_the_newest_are_kept_and_so_many_in_all_with_the_one_that_comes(
    numbers: set[int], keep: int
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder, numbers)
        there = in_order(folder)
        make_way(folder / "b", keep)
        (folder / "b").write_text("new")
        if keep == 1:
            assert in_order(folder) == ["new"]
        else:
            assert in_order(folder) == ["new", *there][:keep]


@given(numbers=st.sets(st.integers(0, 12)))
def test_without_keep_the_one_is_replaced_and_no_older_one_is_touched(numbers: set[int]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder, numbers)
        there = {each.name: each.read_text() for each in folder.iterdir()}
        make_way(folder / "b", None)
        assert {each.name: each.read_text() for each in folder.iterdir()} == there


def test_files_that_only_look_alike_are_not_touched(tmp_path: Path) -> None:
    fill(tmp_path, [0, 1])
    others = ["b.txt", "b.1.gz", "b.01", "b.-1", "bb.1", "b.1e3", "b.\u0661"]
    for name in others:
        (tmp_path / name).write_text("another's")
    make_way(tmp_path / "b", 1)
    assert {each.name for each in tmp_path.iterdir()} == {"b", *others}
