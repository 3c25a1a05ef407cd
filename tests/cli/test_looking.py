"""`ls`, `show`, `stats`, `duplicates`, `failures` and `export` as a user runs them."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
from rich.console import Console

from tests.browse.conftest import SECOND, SINNERMAN, add_file, fill, tagged
from tests.support.commands import command, environment, run
from wkmp_orm import browse
from wkmp_orm.browse import PassageDetails, PassageEntry
from wkmp_orm.cli import commands, looking
from wkmp_orm.cli.advice import command_line
from wkmp_orm.cli.things import TIME_LINE, bar
from wkmp_orm.models import DecodeStatus, PassageStatus

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from tests.conftest import Database

    Run: TypeAlias = Callable[..., int]
    Refused: TypeAlias = Callable[..., str]
    Said: TypeAlias = Callable[..., str]


@pytest.fixture
def library(sqlite_database: Database) -> str:
    """Give the path of a library with a few songs."""
    with sqlite_database.open() as opened:
        fill(opened)
    return sqlite_database.url


@pytest.fixture
def said(library: str, run_here: Run, capsys: pytest.CaptureFixture[str]) -> Said:
    """Give a function that runs a command on the library and returns what it prints."""

    def command(*arguments: object) -> str:
        assert run_here(*arguments, "--database", library) == 0
        return capsys.readouterr().out

    return command


@pytest.mark.smoke
def test_a_person_is_told_what_is_there(library: str, home: Path) -> None:
    ended = run("ls", "--database", library, home=home)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines() == [
        "Nina Simone - Be My Husband  3:20  Pastel Blues",
        "Édith Piaf - Milord  3:20",
        "The Band - Side [remastered]  3:20  Side",
        "Nina Simone - Sinnerman  10:24  Pastel Blues",
        "Sigur Rós - Ágætis byrjun  3:20  Ágætis byrjun",
        "The Band - side a.wav  3:20  Side",
        "untagged.wav  3:20",
    ]


def test_every_list_has_its_lines(said: Said) -> None:
    assert said("ls", "artists") == (
        "Nina Simone  2 songs\nSigur Rós  1 song\nThe Band  2 songs\nÉdith Piaf  1 song\n"
    )
    assert "Nina Simone - Pastel Blues  2 passages\n" in said("ls", "albums")
    files = said("ls", "files")
    assert "Nina/Sinnerman.flac  10:30  Nina Simone - Sinnerman  INGEST COMPLETE\n" in files
    assert "copy 1.flac  DUPLICATE HASH\n" in files
    assert "side a.wav  5:00-8:20  The Band - (no title)\n" in said("ls", "passages")
    assert said("ls", "artist:nina", "title:sinn").startswith("Nina Simone - Sinnerman")


def test_the_next_page_is_a_command_that_can_be_typed(
    library: str, run_here: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_here("ls", "--limit", "1", "--database", library) == 0
    more = capsys.readouterr().err
    begins = command_line("ls", "--limit", "1", "--database", library, "--after")
    assert more.startswith(f"1 entry shown. More: {begins} ")
    guid = more.split()[-1]
    assert run_here("ls", "--limit", "1", "--database", library, "--after", guid) == 0
    assert "Milord" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["stats", "duplicates", "failures"])
def test_what_asks_for_no_words_takes_the_folder_of_a_library(
    library: str, run_here: Run, said: Said, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    folder = Path(library).parent / "songs"
    folder.mkdir()
    shutil.copyfile(library, folder / "wkmp.db")
    assert run_here(name, folder, "--json") == 0
    in_folder = json.loads(capsys.readouterr().out)
    named = json.loads(said(name, "--json"))
    assert in_folder | {"database": None} == named | {"database": None}


def test_the_next_page_is_that_of_the_folder_that_was_named(
    library: str, run_here: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(library).parent / "songs"
    folder.mkdir()
    shutil.copyfile(library, folder / "wkmp.db")
    assert run_here("duplicates", folder, "--limit", "1") == 0
    begins = command_line("duplicates", str(folder), "--limit", "1", "--after")
    assert capsys.readouterr().err.startswith(f"1 entry shown. More: {begins} ")


def test_where_nothing_is_found_it_says_how_a_field_is_found(
    library: str, run_here: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_here("ls", "artist:simone", "--database", library) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert (
        "field:value matches the beginning of a field; a plain word matches anywhere" in printed.err
    )


def test_a_file_is_shown_with_its_passages_on_a_time_line(said: Said) -> None:
    side = said("show", "side a.wav")
    assert "2 passages" in side
    assert "0:00-3:20  Side [remastered]" in side
    assert f"  {'=' * 24}{'.' * 36}\n" in side


def test_a_path_on_the_disk_is_the_file_that_is_stored(
    library: str, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(library).parent
    (root / "Nina").mkdir()
    (root / "Nina" / "husband.mp3").touch()
    monkeypatch.chdir(root / "Nina")
    assert "title       Be My Husband" not in said("show", "husband.mp3")  # the file has no tags
    assert "Nina/husband.mp3\n" in said("show", "husband.mp3")


def test_songs_artists_and_albums_are_shown(said: Said) -> None:
    song = said("show", SINNERMAN)
    assert "Nina/Sinnerman.flac  0:00-10:24" in song
    assert "2 songs" in said("show", "nina simone")
    assert "2 passages" in said("show", "pastel blues")
    assert "unknown: title and artist are from the tags" in said("show", "milord")


def test_of_several_things_each_is_named_with_its_guid(
    library: str, run_here: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_here("show", "ágætis byrjun", "--database", library) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["album", "song"]
    assert run_here("show", lines[1].split()[1], "--database", library) == 0
    assert "Sigur/1.ogg" in capsys.readouterr().out


def test_what_is_not_there_is_refused(library: str, refused: Refused) -> None:
    assert "is called 'nobody'" in refused("show", "nobody", "--database", library)
    assert "this list has no field path" in refused("ls", "path:a", "--database", library)
    of_albums = ("export", "albums", "--format", "m3u8", "--database", library)
    assert "a playlist is made of songs, files, passages" in refused(*of_albums)
    assert "does not exist" in refused("stats", "--database", f"{library}.other")


def test_the_numbers_of_a_library_without_ids_are_not_nought(said: Said) -> None:
    told = said("stats")
    for line in (
        "Songs     7: 1 by MusicBrainz, 4 by their tags, 2 with no title",
        "Artists   4: 1 by MusicBrainz, 3 by name",
        "Passages  7 in 30:24",
        "Files     9: 1 PENDING, 6 INGEST COMPLETE, 2 DUPLICATE HASH",
        "Size      75.0 MB",
        "Formats   unknown 4 files, flac 1 file, mp3 1 file",
        "Failed    1",
    ):
        assert line in told


def test_equal_files_stand_below_their_original(said: Said) -> None:
    lines = said("duplicates").splitlines()
    assert lines[0] == "Nina/Sinnerman.flac"
    assert sorted(lines[1:]) == ["  = copy 1.flac", "  = copy 2.flac"]


def test_failures_say_why(said: Said) -> None:
    assert "broken.mp3: no sound was found in it (segmentation, 20" in said("failures")


def test_an_empty_library_says_so(
    sqlite_database: Database, run_here: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    for asked, words in (
        (("ls",), "There are no songs"),
        (("ls", "albums"), "There are no albums"),
        (("duplicates",), "No files are equal."),
        (("failures",), "Nothing has failed."),
        (("stats",), "Songs     0"),
    ):
        assert run_here(*asked, "--database", sqlite_database.url) == 0
        printed = capsys.readouterr()
        assert words in printed.out + printed.err


@pytest.mark.parametrize(
    "command", [("ls",), ("ls", "artists"), ("duplicates",), ("failures",), ("ls", "passages")]
)
def test_a_page_is_a_document_with_a_version(said: Said, command: tuple[str, ...]) -> None:
    document: dict[str, Any] = json.loads(said(*command, "--json", "--limit", "1"))
    assert [*document] == ["version", "list", "entries", "after"]
    assert document["version"] == 1
    assert len(document["entries"]) == 1


def test_things_and_numbers_are_documents(said: Said) -> None:
    (thing,) = json.loads(said("show", "copy 1.flac", "--json"))["things"]
    assert (thing["kind"], thing["path"], thing["original_path"], thing["status"]) == (
        "file",
        "copy 1.flac",
        "Nina/Sinnerman.flac",
        "DUPLICATE HASH",
    )
    (song,) = json.loads(said("show", SINNERMAN, "--json"))["things"]
    assert song["passages"][0]["entry"]["path"] == "Nina/Sinnerman.flac"
    numbers = json.loads(said("stats", "--json"))
    assert (numbers["version"], numbers["passages"]) == (1, 7)
    assert numbers["formats"]["flac"]["files"] == 1


def test_a_table_has_every_entry(said: Said) -> None:
    rows = [*csv.DictReader(io.StringIO(said("export", "files")))]
    assert len(rows) == 9
    assert rows[0]["path"] == "Nina/Sinnerman.flac"
    assert (rows[0]["status"], rows[0]["year"]) == ("INGEST COMPLETE", "")


def test_json_lines_are_documents(said: Said) -> None:
    lines = [json.loads(line) for line in said("export", "artists", "--json").splitlines()]
    assert [each["name"] for each in lines] == [
        "Nina Simone",
        "Sigur Rós",
        "The Band",
        "Édith Piaf",
    ]
    assert {each["version"] for each in lines} == {1}


def test_the_paths_of_a_playlist_are_files(
    sqlite_database: Database, tmp_path: Path, run_here: Run
) -> None:
    names = [b"caf\xe9.mp3", b"#hash [x].mp3", "é.mp3".encode(), b"two\nlines.mp3"]
    with sqlite_database.open() as opened:
        for name in names:
            path = os.fsencode(opened.root) + b"/" + name
            Path(os.fsdecode(path)).touch()
            stored = name.decode("utf-8", "surrogateescape").replace("\udce9", "\\xE9")
            add_file(opened, stored, tagged("A\nsong", "Anna", None))
    target = tmp_path / "list.m3u8"
    target.write_text("as it was before")
    assert run_here("export", "--output", target, "--database", sqlite_database.url) == 0
    lines = target.read_bytes().split(b"\n")
    assert lines[:2] == [b"#EXTM3U", b"#EXTINF:200,Anna - A song"]
    paths = [line for line in lines if line and not line.startswith(b"#")]
    assert len(paths) == 3  # no playlist can have the name of two lines
    assert all(Path(os.fsdecode(path)).is_file() for path in paths)
    assert [*tmp_path.glob(".*")] == []


def test_what_cannot_be_written_is_refused_and_leaves_nothing(
    library: str, tmp_path: Path, refused: Refused
) -> None:
    target = tmp_path / "missing" / "list.csv"
    said = refused("export", "--output", target, "--database", library)
    assert f"{target} cannot be written: No such file or directory" in said


def test_on_a_terminal_an_entry_is_one_line(
    said: Said, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = io.StringIO()
    narrow = Console(file=stream, force_terminal=True, width=30, highlight=False, soft_wrap=True)
    monkeypatch.setattr(looking, "out", narrow)
    said("ls")
    assert len(stream.getvalue().splitlines()) == 7


def test_a_time_line_is_as_long_as_the_file_and_has_every_passage() -> None:
    def passage(start: int, end: int, lead_in: int | None, lead_out: int | None) -> PassageDetails:
        entry = PassageEntry(
            guid="",
            path="",
            start_ticks=start * SECOND,
            end_ticks=end * SECOND,
            title=None,
            artist=None,
            album=None,
            song_guid=None,
            recording_mbid=None,
            missing_since=None,
        )
        return PassageDetails(
            entry=entry,
            fade_in_start_ticks=None,
            lead_in_start_ticks=None if lead_in is None else lead_in * SECOND,
            lead_out_start_ticks=None if lead_out is None else lead_out * SECOND,
            fade_out_start_ticks=None,
            user_title=None,
            status=PassageStatus.PENDING,
            decode_status=DecodeStatus.PENDING,
            title_source=None,
            identity_confidence=None,
        )

    whole = 60 * SECOND
    assert bar(passage(0, 60, None, None), whole) == "=" * TIME_LINE
    assert bar(passage(10, 50, 15, 45), whole) == (
        "." * 10 + "<" * 5 + "=" * 31 + ">" * 4 + "." * 10
    )
    for spans in ((0, 1, None, None), (59, 60, 59, 60), (10, 11, 10, 11), (0, 60, 60, 0)):
        line = bar(passage(*spans), 10 * whole)
        assert len(line) == TIME_LINE
        assert set(line) - {"."}


def test_every_list_of_the_command_is_a_query_of_the_package() -> None:
    assert set(looking.LISTS) <= set(browse.__all__)
    names = commands.list_commands(click.Context(commands))
    assert {"ls", "show", "stats", "duplicates", "failures", "export"} <= set(names)


def test_whoever_reads_only_the_first_lines_gets_no_traceback(library: str, home: Path) -> None:
    export = command("export", "--database", library)
    ended = subprocess.run(
        [sys.executable, "-c", _HEAD, *export],
        capture_output=True,
        check=False,
        env=environment(home),
        text=True,
    )
    assert "Traceback" not in ended.stderr


_HEAD = """
import subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
child.stdout.close()
child.wait()
"""
