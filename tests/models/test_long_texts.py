"""Texts of any length that do not compress are stored, found and kept unique on both databases."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from tests.phases.importing import LONG_AGO, record, stored
from tests.phases.recordings import passage
from tests.support.look_ups import statements_of
from wkmp_orm import Album, Artist, File, Passage, Phase
from wkmp_orm.errors import ConstraintViolationError
from wkmp_orm.models import ImportFailure
from wkmp_orm.phases import album_identity, artist_identity, record_failure, start_session

if TYPE_CHECKING:
    from wkmp_orm import Library

LETTERS = "".join(map(chr, range(0x4E00, 0x6E00)))


def noise(characters: int, seed: int = 1) -> str:
    """Make text of three bytes a character that no database can compress to half."""
    return "".join(random.Random(seed).choices(LETTERS, k=characters))


LONG_PATH = "/".join(noise(80, seed) for seed in range(17)) + ".flac"
"""As long as Linux takes it: a byte below 4,096 and the escapes."""


def test_a_path_of_four_thousand_bytes_is_one_row_however_often_it_is_put(
    library: Library,
) -> None:
    assert len(LONG_PATH.encode()) > 4_000
    for year in (1965, 1966):
        with library.unit_of_work("scan") as work:
            file = work.files.put(path=LONG_PATH, modification_time=LONG_AGO, year=year)
            work.files.put(path=LONG_PATH[:-5] + ".mp3", modification_time=LONG_AGO)
    assert set(stored(library, File.path, File.year)) == {
        (LONG_PATH, 1966),
        (LONG_PATH[:-5] + ".mp3", None),
    }
    with library.reader() as session:
        assert session.scalar(sa.select(File.guid).where(File.path == LONG_PATH)) == file.guid


@pytest.mark.parametrize("path", ["short.flac", LONG_PATH], ids=["short", "long"])
def test_a_second_file_of_one_path_is_refused_by_the_same_index(
    library: Library, path: str
) -> None:
    with library.unit_of_work("scan") as work:
        work.files.add(path=path, modification_time=LONG_AGO)
    with pytest.raises(ConstraintViolationError) as caught, library.unit_of_work("scan") as work:
        again = work.files.add(path=path, modification_time=LONG_AGO)
    assert caught.value.constraint == "idx_files_path"
    assert caught.value.guid == again.guid


def test_failures_of_a_long_path_are_told_once(library: Library) -> None:
    session_id = start_session(library, "/music", {})
    for reason in ("first", "second"):
        with library.unit_of_work("scan") as work:
            record_failure(
                work, session_id=session_id, path=LONG_PATH, phase=Phase.SCANNING, reason=reason
            )
    assert stored(library, ImportFailure.path, ImportFailure.reason) == [(LONG_PATH, "second")]


def test_titles_and_names_of_any_length_are_recorded_and_known_again(library: Library) -> None:
    name, title = noise(6_000, 2), noise(6_000, 3)
    with library.unit_of_work("scan") as work:
        file = work.files.add(path="a.flac", modification_time=LONG_AGO, title=title)
    for _ in range(2):
        record(
            library,
            file.guid,
            passage(
                title=title,
                artist=name,
                artists=(artist_identity(name),),
                albums=(album_identity(title, name),),
            ),
        )
    assert stored(library, Passage.title) == [(title,)]
    assert stored(library, Artist.name) == [(name,)]
    assert stored(library, Album.title) == [(title,)]


def test_a_file_is_found_by_its_path_through_an_index(library: Library) -> None:
    with statements_of(library._writer.engine, library._readers) as sent:
        with library.unit_of_work("scan") as work:
            work.files.put(path=LONG_PATH, modification_time=LONG_AGO)
        with library.reader() as session:
            session.scalars(sa.select(File.guid).where(File.path.in_(["a", "b"]))).all()
    plans = sent.plans(library._readers)
    assert any("path" in statement for statement in plans)
    scans = [line for plan in plans.values() for line in plan if "SCAN files" in line]
    assert not scans
    assert not [line for plan in plans.values() for line in plan if "Seq Scan on files" in line]
