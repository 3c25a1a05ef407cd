"""Which files a scan has to keep until its end: those alone that may be known ones elsewhere."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.support.imports import touch
from wkmp_orm.orchestrator.candidates import MoveCandidates
from wkmp_orm.orchestrator.scan import ScannedFile, scan_folder
from wkmp_orm.phases import FoundFile, in_unit_of_work, loose_files, record_files

if TYPE_CHECKING:
    from pathlib import Path

    from wkmp_orm import Library


def found_in(folder: Path) -> list[FoundFile]:
    return [
        FoundFile(each.path.relative_to(folder).as_posix(), each.size_bytes, each.modification_time)
        for each in scan_folder(folder)
        if isinstance(each, ScannedFile)
    ]


def candidates(library: Library, folder: Path) -> list[str]:
    search = MoveCandidates(library, threading.Event())
    assert not search.are_impossible
    loose = loose_files(library, found_in(folder))
    return [each.found.path for each in loose if search.may_be(each)]


@pytest.fixture
def known(library: Library, music: Path) -> Path:
    """Let the library know a file of 5 bytes, and one of 7, whose imports did not end."""
    (music / "five.flac").write_bytes(b"fives")
    (music / "seven.flac").write_bytes(b"sevens!")
    in_unit_of_work(library, "scanning", lambda work: record_files(work, found_in(music)))
    return music


def test_in_a_library_that_knows_no_file_nothing_can_have_moved(library: Library) -> None:
    assert MoveCandidates(library, threading.Event()).are_impossible


def test_while_all_known_files_are_in_their_places_no_other_file_is_one(
    library: Library, known: Path
) -> None:
    (known / "new.flac").write_bytes(b"fives")
    assert candidates(library, known) == []


def test_files_of_the_size_of_one_that_is_gone_are(library: Library, known: Path) -> None:
    (known / "five.flac").rename(known / "moved.flac")
    (known / "of another size.flac").write_bytes(b"four")
    (known / "copy.flac").write_bytes(b"fives")
    assert candidates(library, known) == ["copy.flac", "moved.flac"]


def test_a_file_that_changed_is_and_so_are_those_of_its_former_size(
    library: Library, known: Path
) -> None:
    touch(known / "seven.flac")
    (known / "a copy of what it was.flac").write_bytes(b"sevens!")
    assert candidates(library, known) == ["a copy of what it was.flac", "seven.flac"]


@pytest.mark.parametrize(
    ("one", "other"), [("Song.flac", "sONG.FLAC"), ("caf\u00e9.flac", "cafe\u0301.flac")]
)
def test_a_new_file_is_where_its_name_in_another_spelling_is_there_too(
    library: Library, known: Path, one: str, other: str
) -> None:
    """As each is where the file system takes either spelling: its row may have the former one."""
    (known / one).write_bytes(b"four")
    assert candidates(library, known) == []
    (known / other).write_bytes(b"four")
    assert candidates(library, known) == sorted([one, other])
