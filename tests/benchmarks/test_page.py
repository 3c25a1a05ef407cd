"""All figures of a page come from one run, which says when it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

from tests.benchmarks.page import BEGIN, END, as_markdown, refuse_other_pages, write_page
from tests.benchmarks.report import Result
from tests.docs.pages import DOCS

if TYPE_CHECKING:
    from pathlib import Path


def test_a_table_of_markdown_has_all_rows_and_says_what_they_were_measured_on() -> None:
    result = Result("one-file", "one file", {"who": "contender", "ratio": "x"}, note="of CPU")
    result.add(who="by hand | alone", ratio=1.0)
    result.add(who="wkmp_orm")
    text = as_markdown([result], machine={"processors": 2}, load_after="0.1", seconds=90.0)
    assert "processors 2 before and 0.1 after the 2 minutes" in text
    assert text.split("\n\n")[1:] == [
        "### `one-file`: one file",
        "| contender | x |\n| --- | --: |\n| by hand \\| alone | 1.00 |\n| wkmp_orm |  |",
        "Of CPU.\n",
    ]


def test_a_page_keeps_what_stands_around_its_figures(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Before\n\n{BEGIN}old{END}\n\nafter\n")
    for text in ("new\n", "newer\n"):
        write_page(page, text)
        assert page.read_text() == f"# Before\n\n{BEGIN}{text}{END}\n\nafter\n"


def test_a_page_without_a_part_for_figures_is_refused_and_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Before\n")
    with pytest.raises(click.BadParameter, match="has no part for the figures"):
        write_page(page, "new\n")
    assert page.read_text() == "# Before\n"


def test_the_page_about_performance_has_a_part_for_figures() -> None:
    refuse_other_pages(DOCS / "performance.md")
