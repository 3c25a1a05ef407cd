"""Every Python block of the README and the documentation runs, and every marked one of a shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import traceback
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tests.docs.pages import PAGES, ROOT, Block, blocks
from tests.support.telemetry import providers_of_the_process
from wkmp_orm import Artist, File, Library, Passage, Song
from wkmp_orm.models import PassageSong, SongArtist

if TYPE_CHECKING:
    from collections.abc import Iterator

README = ROOT / "README.md"
RECORDING_MBID = "2d1e9a3c-5b0f-4c57-9a52-7f2f1c4d8e10"

PROGRAMS = [page for page in PAGES if any(block.language == "python" for block in blocks(page))]


FILE = re.compile(r"# (\S+/\S+\.py)\n")
"""How a block begins that is a file of the reader's, which other blocks import."""


@pytest.fixture
def namespace(music: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Give what the pages take for granted: a folder `music`, `now` and `recording_mbid`."""
    monkeypatch.chdir(music.parent)
    monkeypatch.syspath_prepend(music.parent)
    before = set(sys.modules)
    yield {
        "__name__": "__example__",
        "now": datetime(2025, 11, 16, 1, 2, 3, tzinfo=UTC),
        "recording_mbid": RECORDING_MBID,
    }
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(music.parent)):
            del sys.modules[name]


@pytest.fixture
def dask_scheduler() -> Iterator[str]:
    """Give the address of a dask scheduler with one worker, in threads of this process."""
    from distributed import LocalCluster  # noqa: PLC0415  takes a second, for one page

    with LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address=None,
    ) as cluster:
        yield cluster.scheduler_address


def run(block: Block, namespace: dict[str, Any]) -> None:
    """Run one block, or write it if it is a file; a failure names the page and the line."""
    # Empty lines before it, so that tracebacks count as the page does.
    source = "\n" * (block.line - 1) + block.text
    try:
        code = compile(source, str(block.page), "exec", dont_inherit=True)
        if file := FILE.match(block.text):
            path = Path(file[1])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        else:
            exec(code, namespace)  # noqa: S102  that is the test
    except Exception as error:  # noqa: BLE001  whatever it is, the page is wrong
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == str(block.page)]
        line = getattr(error, "lineno", None) or (lines[-1] if lines else block.line)
        place = f"{block.page.relative_to(ROOT)}:{line}"
        pytest.fail(f"{place}: {''.join(traceback.format_exception(error))}")


def run_in_shell(block: Block) -> None:
    """Run a block of commands, as a reader who works in the environment of these tests."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    shell = ["sh", "-eu", "-c", block.text]
    ran = subprocess.run(
        shell, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, f"{block}: {ran.stdout}{ran.stderr}"


@pytest.mark.parametrize("page", PROGRAMS, ids=lambda page: page.name)
def test_every_python_block_runs(
    page: Path,
    namespace: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    if "WKMP_DATABASE" in page.read_text(encoding="utf-8"):
        monkeypatch.setenv("WKMP_DATABASE", request.getfixturevalue("postgresql_database").url)
    if "DASK_SCHEDULER" in page.read_text(encoding="utf-8"):
        monkeypatch.setenv("DASK_SCHEDULER", request.getfixturevalue("dask_scheduler"))
    sets_providers = "set_tracer_provider" in page.read_text(encoding="utf-8")
    try:
        with providers_of_the_process() if sets_providers else nullcontext():
            for block in blocks(page):
                if block.language == "python":
                    run(block, namespace)
                elif block.is_run:
                    run_in_shell(block)
    finally:
        for value in namespace.values():
            if isinstance(value, Library):
                value.close()


def test_the_readme_stores_what_it_says(namespace: dict[str, Any]) -> None:
    for block in blocks(README):
        if block.language == "python":
            run(block, namespace)
    with Library.open("music/wkmp.db") as library, library.reader() as session:
        (file,) = session.scalars(sa.select(File)).all()
        (artist,) = session.scalars(sa.select(Artist)).all()
        (song,) = session.scalars(sa.select(Song)).all()
        (passage,) = session.scalars(sa.select(Passage)).all()
        (credit,) = session.scalars(sa.select(SongArtist)).all()
        (sound,) = session.scalars(sa.select(PassageSong)).all()
    assert file.path == "Nina Simone/Sinnerman.flac"
    assert file.modification_time == namespace["now"]
    assert (artist.artist_mbid, artist.name) == ("name:nina simone", "Nina Simone")
    assert (song.recording_mbid, song.title) == (RECORDING_MBID, "Sinnerman")
    assert (passage.file_id, passage.start_time_ticks) == (file.guid, 0)
    assert passage.end_time_ticks == 17_611_776_000
    assert (credit.song_id, credit.artist_id, credit.weight) == (song.guid, artist.guid, 1.0)
    assert (sound.passage_id, sound.song_id) == (passage.guid, song.guid)
    assert (sound.start_time_ticks, sound.end_time_ticks) == (0, 17_611_776_000)


def test_a_failing_example_names_its_page_and_line() -> None:
    page = ROOT / "docs" / "nowhere.md"
    block = Block(page, 40, "python", "one = 1\nraise RuntimeError(one)\n")
    with pytest.raises(pytest.fail.Exception, match=r"^docs/nowhere\.md:41: "):
        run(block, {})
    broken = Block(page, 7, "python", "one = 1\ntwo =\n")
    with pytest.raises(pytest.fail.Exception, match=r"^docs/nowhere\.md:8: "):
        run(broken, {})


def test_no_example_is_left_out_by_a_misspelt_language() -> None:
    known = {"python", "bash", "sh", "text", "sql", "toml", "json"}
    unknown = [str(b) for page in PAGES for b in blocks(page) if b.language not in known]
    assert unknown == []
