"""A real browser shows the page on a telephone and on a screen, by day and in the dark.

Where the machine has no Chromium these are skipped, and say so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.browser import browser, browser_program
from tests.support.sound import make_sound
from wkmp_orm.core.tracing.trace_file import traced_to
from wkmp_orm.report import write_report

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Database

PROGRAM = browser_program()

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="this machine has no Chromium to look at pages"),
]

LONG = "a very long name of a file that has no space " + "x" * 120 + ".mp3"


def test_the_page_fits_a_telephone_and_a_screen_by_day_and_in_the_dark(
    sqlite_database: Database, music: Path
) -> None:
    make_sound(music / "song.flac", seconds=1)
    (music / LONG).write_bytes(b"no sound")
    (music / "שיר <b>.mp3").write_bytes(b"no sound either")
    trace = music / "trace.jsonl"
    with traced_to(trace) as tracing, sqlite_database.open(tracing=tracing) as library:
        library.import_folder(music, workers=2, flavor_sources=[])
        page = write_report(library, music / "report.html", trace=trace)
    assert PROGRAM is not None
    papers = {}
    with browser(PROGRAM) as shown:
        for width in (390, 1280):
            for dark in (False, True):
                shown.open(page, width=width, dark=dark)
                assert shown.ask("document.documentElement.scrollWidth") <= width
                papers[dark] = shown.ask("getComputedStyle(document.body).backgroundColor")
                ink = shown.ask("getComputedStyle(document.querySelector('svg text')).fill")
                assert ink == shown.ask("getComputedStyle(document.body).color")
                lines = "[...document.querySelectorAll('.card svg')].map(each => each.clientWidth)"
                widths = [each for each in shown.ask(lines) if each]
                assert len(widths) == 1  # one of the two time lines
                assert widths[0] > 0.7 * min(width, 1_100)
                assert shown.ask("document.getElementById('failures').innerText").count("שיר <b>")
                assert shown.picture().startswith(b"\x89PNG")
        assert shown.messages == []
    assert papers[False] != papers[True]
