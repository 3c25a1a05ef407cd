"""Of equal files, each row finds the file that it was, as a person would say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wkmp_orm.models import FileStatus
from wkmp_orm.orchestrator.pairing import paired
from wkmp_orm.phases import StoredFile

EPOCH = datetime(2025, 1, 1, tzinfo=UTC)


def rows_at(*paths: str) -> list[StoredFile]:
    """Make rows of equal files, the oldest first."""
    return [
        StoredFile(
            guid=f"guid of {path}",
            path=path,
            hash="a" * 64,
            status=FileStatus.INGEST_COMPLETE,
            size_bytes=1,
            modification_time=EPOCH,
            created_at=EPOCH + timedelta(days=number),
            missing_since=None,
        )
        for number, path in enumerate(paths)
    ]


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param(["a", "b"], ["x/b"], {"b": "x/b"}, id="the name"),
        pytest.param(
            ["1/a/x", "2/b/x"], ["9/b/x", "9/a/x"], {"1/a/x": "9/a/x", "2/b/x": "9/b/x"}, id="tail"
        ),
        pytest.param(["b", "a"], ["y", "z"], {"b": "y", "a": "z"}, id="the oldest row first"),
        pytest.param(["a", "b"], ["z"], {"a": "z"}, id="the oldest row alone"),
        pytest.param(["A.mp3", "a.mp3"], ["x/a.mp3"], {"a.mp3": "x/a.mp3"}, id="the very case"),
        pytest.param(["b.mp3", "a.mp3"], ["x/A.MP3"], {"a.mp3": "x/A.MP3"}, id="any case"),
        pytest.param(
            ["z", "cafe\u0301"], ["x/caf\xe9"], {"cafe\u0301": "x/caf\xe9"}, id="normalisation"
        ),
        pytest.param(["a/x", "b/y"], [], {}, id="nothing"),
    ],
)
def test_the_name_decides_then_the_folders_then_the_age(
    before: list[str], now: list[str], expected: dict[str, str]
) -> None:
    assert {row.path: path for row, path in paired(rows_at(*before), now)} == expected


paths = st.lists(
    st.lists(st.sampled_from("aAbc"), min_size=1, max_size=4).map("/".join), unique=True, max_size=8
)


@given(paths, paths)
def test_as_many_as_can_be_are_paired_each_once(before: list[str], now: list[str]) -> None:
    pairs = paired(rows_at(*before), now)
    assert len(pairs) == min(len(before), len(now))
    assert len({row.guid for row, _ in pairs}) == len({path for _, path in pairs}) == len(pairs)


def test_thousands_of_equal_files_take_a_moment() -> None:
    before = rows_at(*(f"old/{number % 50}/{number}.wav" for number in range(5_000)))
    now = [row.path.replace("old", "somewhere/new") for row in before]
    for row, path in paired(before, now):
        assert path == row.path.replace("old", "somewhere/new")
