"""What is on the page about a library, and where it may be written."""

from __future__ import annotations

import json
import stat
import sys
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from tests.support.sound import make_sound, musicbrainz_tags, tag_sound
from wkmp_orm import Library, browse
from wkmp_orm.core.tracing.trace_file import HEADER, traced_to
from wkmp_orm.errors import ConfigurationError
from wkmp_orm.report import write_report

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Database

NOW = datetime(2025, 11, 16, tzinfo=UTC)
MARKUP = '<script>alert("x")</script> & שיר.flac'


class Parsed(HTMLParser):
    """The text of each element that has an id, which elements there are, and what they name."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.by_id: dict[str, str] = {}
        self.tags: set[str] = set()
        self.links: list[str] = []
        self._open: list[str] = []
        self.text = ""
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        self.links += [str(given[name]) for name in ("href", "src", "xlink:href") if name in given]
        if given.get("id") and tag in ("dd", "strong", "span", "table"):
            self._open = [str(given["id"])]

    def handle_endtag(self, tag: str) -> None:
        if tag in ("dd", "strong", "span"):
            self._open = []

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._open:
            name = self._open[-1]
            self.by_id[name] = self.by_id.get(name, "") + data


def with_music(library: Library, folder: Path) -> None:
    """Write the rows of a small library, one of its files with a name that is markup."""
    with library.unit_of_work("test") as work:
        for number, name in enumerate(["a.flac", "b.mp3", MARKUP]):
            file = work.files.add(path=name, modification_time=NOW, format="FLAC", year=1960 + 9)
            work.passages.add(file_id=file, end_time_ticks=28_224_000 * 60 * (number + 1))
        song = work.songs.put(recording_mbid="2d1e9a3c-5b0f-4c57-9a52-7f2f1c4d8e10", title="S")
        artist = work.artists.put(artist_mbid="name:n", name="N")
        work.song_artists.link(song, artist, weight=1.0)
    assert folder.is_dir()


@pytest.mark.smoke
def test_the_numbers_are_those_that_browse_counts(library: Library, music: Path) -> None:
    with_music(library, music)
    page = Parsed(write_report(library, music / "report.html"))
    with library.reader() as session:
        numbers = browse.statistics(session)
    told = {name: page.by_id[name] for name in ("songs", "artists", "passages", "files", "failed")}
    assert told == {
        "songs": str(sum(numbers.songs.values()) + numbers.passages_without_song),
        "artists": str(numbers.artists),
        "passages": str(numbers.passages),
        "files": str(sum(numbers.files.values())),
        "failed": str(numbers.failures),
    }
    assert page.by_id["of-sound"] == "6 min"


def test_the_page_is_alone_and_nothing_of_the_library_is_code_on_it(
    sqlite_database: Database, music: Path
) -> None:
    (music / MARKUP.replace("/", "-")).write_bytes(b"no sound")
    trace = music / "trace.jsonl"
    with traced_to(trace) as tracing, sqlite_database.open(tracing=tracing) as library:
        summary = library.import_folder(music, flavor_sources=[])
        place = write_report(library, music / "report.html", trace=trace)
    (failure,) = summary.failures
    page = Parsed(place)
    assert "script" not in page.tags
    assert failure.path in page.text
    assert failure.reason in page.text
    assert page.by_id["traced-failures"] == "1"
    assert all(link.startswith("#") for link in page.links)
    assert "default-src 'none'" in place.read_text(encoding="utf-8")


def test_an_empty_library_says_so(sqlite_database: Database, music: Path) -> None:
    with sqlite_database.open() as library:
        page = Parsed(write_report(library, music / "report.html"))
    assert "Nothing has been imported yet." in page.text
    assert page.by_id["songs"] == "0"


def test_a_trace_of_an_import_becomes_a_time_line(sqlite_database: Database, music: Path) -> None:
    for number in range(3):
        song = make_sound(music / f"{number}.flac", seconds=1, frequency=300 + 50 * number)
        tag_sound(song, **musicbrainz_tags(number))
    (music / "broken.mp3").write_bytes(b"no sound" * 100)
    trace = music / "trace.jsonl"
    with traced_to(trace) as tracing, sqlite_database.open(tracing=tracing) as library:
        summary = library.import_folder(music, workers=2, flavor_sources=[])
    lines = [json.loads(line) for line in trace.read_text(encoding="utf-8").splitlines()]
    assert lines[0] == HEADER
    names = {line["name"] for line in lines[1:]}
    assert {"import", "file", "segmentation", "decode", "wait", "transaction"} <= names
    assert not [name for name in names if name.isupper() or "INSERT" in name]
    assert "broken" not in trace.read_text(encoding="utf-8")
    with sqlite_database.open() as library:
        page = Parsed(write_report(library, music / "report.html", trace=trace))
    assert page.by_id["traced-files"] == str(summary.counts.to_import) == "4"
    assert page.by_id["traced-failures"] == "1"
    slow = page.text.partition("The files that took longest")[2]
    assert all(name in slow for name in ("0.flac", "1.flac", "2.flac", "broken.mp3"))


def test_a_long_import_with_many_workers_makes_no_long_page(
    sqlite_database: Database, music: Path
) -> None:
    trace = music / "trace.jsonl"
    with trace.open("w", encoding="utf-8") as stream:
        stream.write(json.dumps(HEADER) + "\n")
        for number in range(3_000):
            told = {"began": number / 10, "seconds": 0.9, "thread": f"import-{number % 50}"}
            stream.write(json.dumps({"name": "decode", **told}) + "\n")
            phase = {"name": "segmentation", "wkmp_orm.phase": "segmentation", **told}
            stream.write(json.dumps(phase) + "\n")
            file = {"name": "file", "wkmp_orm.file.outcome": "failed", **told}
            stream.write(json.dumps(file) + "\n")
        stream.write('{"name": "file", "beg')  # killed in the middle of a line
    with sqlite_database.open() as library:
        place = write_report(library, music / "report.html", trace=trace)
    page = Parsed(place)
    assert page.by_id["traced-files"] == "3000"
    assert "18 more workers are not shown" in page.text
    assert place.stat().st_size < 4_000_000


def test_a_page_replaces_no_file_unless_it_is_told_to(
    sqlite_database: Database, music: Path
) -> None:
    mine, link = music / "mine.html", music / "link.html"
    mine.write_text("mine", encoding="utf-8")
    link.symlink_to(mine)
    with sqlite_database.open() as library:
        for place in (mine, link):
            with pytest.raises(ConfigurationError, match="is there already"):
                write_report(library, place)
        write_report(library, link, overwrite=True)
    assert mine.read_text(encoding="utf-8") == "mine"
    assert not link.is_symlink()
    assert stat.S_IMODE(link.stat().st_mode) == 0o600
    assert not (music / "link.html.unfinished").exists()


@pytest.mark.parametrize("content", ["", "some words\n", '{"trace": "another"}\n'])
def test_what_is_no_trace_is_refused_and_kept(
    sqlite_database: Database, music: Path, content: str
) -> None:
    file = music / "notes.txt"
    file.write_text(content, encoding="utf-8")
    with sqlite_database.open() as library, pytest.raises(ConfigurationError, match="is no trace"):
        write_report(library, music / "report.html", trace=file)
    with pytest.raises(ConfigurationError, match="is no trace"), traced_to(file):
        pass
    assert file.read_text(encoding="utf-8") == content


def test_an_older_trace_is_replaced(music: Path) -> None:
    for _ in range(2):
        with traced_to(music / "trace.jsonl") as tracing:
            assert tracing is not None
            with tracing.span("import", {}):
                pass
    assert len((music / "trace.jsonl").read_text(encoding="utf-8").splitlines()) == 2


def test_another_librarys_trace_is_refused(sqlite_database: Database, music: Path) -> None:
    with traced_to(music / "trace.jsonl") as tracing:
        assert tracing is not None
        with tracing.span(
            "import", {"wkmp_orm.import.session": "0" * 8 + "-0000-4000-8000-" + "0" * 12}
        ):
            pass
    with (
        sqlite_database.open() as library,
        pytest.raises(ConfigurationError, match="another library"),
    ):
        write_report(library, music / "report.html", trace=music / "trace.jsonl")


def test_without_the_extra_it_says_what_to_install(
    sqlite_database: Database, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with (
        sqlite_database.open() as library,
        pytest.raises(ConfigurationError, match=r"pip install 'wkmp_orm\[report\]'"),
    ):
        write_report(library, music / "report.html")
