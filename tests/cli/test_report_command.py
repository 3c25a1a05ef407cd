"""`wkmp-orm import --trace` and `wkmp-orm report`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.sound import make_sound

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


def test_an_import_and_a_report_make_a_page_with_a_time_line(
    run_here: Callable[..., int], music: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_sound(music / "song.flac", seconds=0.5)
    trace, page = music.parent / "trace.jsonl", music.parent / "library.html"
    assert run_here("import", music, "--trace", trace) == 0
    capsys.readouterr()
    report = ("report", page, "--database", music / "wkmp.db")
    assert run_here(*report, "--trace", trace) == 0
    assert str(page) in capsys.readouterr().out
    text = page.read_text(encoding="utf-8")
    assert "Its time line" in text
    assert run_here(*report) == 2
    assert "--force" in capsys.readouterr().err
    assert page.read_text(encoding="utf-8") == text
    assert run_here(*report, "--force") == 0
    assert "Its time line" not in page.read_text(encoding="utf-8")


def test_an_import_does_not_begin_when_its_trace_cannot_be_written(
    refused: Callable[..., str], music: Path
) -> None:
    make_sound(music / "song.flac", seconds=0.5)
    assert "no trace can be written" in refused("import", music, "--trace", music / "a" / "b")
    assert "is no trace" in refused("import", music, "--trace", music / "song.flac")
    assert sorted(each.name for each in music.iterdir()) == ["song.flac"]
