"""What a file says of itself is merged: what is unknown this time stays known."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING

import pytest

from tests.flush.stored import age, dump
from tests.phases.importing import add_file, load, sha256, watching
from wkmp_orm import File, Phase
from wkmp_orm.errors import InvalidRowError
from wkmp_orm.models import FileStatus
from wkmp_orm.phases import FileMetadata, record_metadata

if TYPE_CHECKING:
    from wkmp_orm import Library

PATH = "nina/sinnerman.flac"
KNOWN = FileMetadata(
    artist="Nina Simone",
    title="Sinnerman",
    album="Pastel Blues",
    track_number=9,
    year=1965,
    duration_ticks=17_611_776_000,
    format="flac",
    sample_rate=44_100,
    channels=2,
)


def extract(library: Library, metadata: FileMetadata) -> None:
    with library.unit_of_work(Phase.METADATA_EXTRACTION) as work:
        record_metadata(work, PATH, metadata)


def facts_of(library: Library, file: str) -> FileMetadata:
    row = load(library, File, file)
    return FileMetadata(**{column.name: getattr(row, column.name) for column in fields(KNOWN)})


def test_what_is_read_is_stored_and_nothing_else_changes(library: Library) -> None:
    file = add_file(library, PATH, hash=sha256("a"), status=FileStatus.PROCESSING)
    extract(library, KNOWN)
    row = load(library, File, file)
    assert facts_of(library, file) == KNOWN
    assert (row.hash, row.status) == (sha256("a"), FileStatus.PROCESSING)


def test_what_is_unknown_this_time_stays_known(library: Library) -> None:
    file = add_file(library, PATH)
    extract(library, KNOWN)
    for name in asdict(KNOWN):
        extract(library, FileMetadata(**(asdict(KNOWN) | {name: None})))
    extract(library, FileMetadata())
    assert facts_of(library, file) == KNOWN


def test_what_is_known_better_now_replaces_what_was_known(library: Library) -> None:
    file = add_file(library, PATH)
    extract(library, KNOWN)
    extract(library, FileMetadata(title="Sinnerman (Live)", duration_ticks=28_224_000))
    assert facts_of(library, file) == FileMetadata(
        **(asdict(KNOWN) | {"title": "Sinnerman (Live)", "duration_ticks": 28_224_000})
    )


def test_an_unknown_duration_is_null_and_does_not_fail_the_file(library: Library) -> None:
    file = add_file(library, PATH)
    extract(library, FileMetadata(title="Sinnerman"))
    row = load(library, File, file)
    assert (row.title, row.duration_ticks, row.sample_rate) == ("Sinnerman", None, None)


def test_a_zero_that_means_unknown_is_refused_by_name(library: Library) -> None:
    file = add_file(library, PATH)
    for zero in (
        FileMetadata(duration_ticks=0),
        FileMetadata(sample_rate=0),
        FileMetadata(channels=0),
    ):
        [column] = [name for name, value in asdict(zero).items() if value == 0]
        with pytest.raises(InvalidRowError, match=rf"files\.{column}: 0 is not"):
            extract(library, replace(zero, title="Sinnerman"))
    assert facts_of(library, file) == FileMetadata()


def test_the_same_metadata_again_writes_nothing(library: Library) -> None:
    add_file(library, PATH)
    extract(library, KNOWN)
    age(library)
    before = dump(library)
    with watching(library) as recorder:
        extract(library, KNOWN)
    assert recorder.attempts == []
    assert dump(library) == before


def test_metadata_of_a_path_that_was_not_scanned_is_refused(library: Library) -> None:
    with pytest.raises(InvalidRowError, match=r"files\.modification_time: is missing"):
        extract(library, KNOWN)
