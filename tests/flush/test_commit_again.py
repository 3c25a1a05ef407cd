"""A commit that failed may be repeated: nothing that it saw or bound is believed any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.flush.recordings import LONG_AGO, SECOND, add_file, mbid
from tests.flush.stored import dump, row_of
from wkmp_orm.errors import ConditionNotMetError
from wkmp_orm.models import FileStatus

if TYPE_CHECKING:
    from wkmp_orm import Library, UnitOfWork


def fail_until(work: UnitOfWork, gate: str) -> None:
    """Make the unit of work fail as long as a file is not complete."""
    work.files.update(gate, where={"status": FileStatus.INGEST_COMPLETE}, year=1965)


def let_pass(library: Library, gate: str) -> None:
    with library.unit_of_work("other") as other:
        other.files.update(gate, status=FileStatus.INGEST_COMPLETE)


@pytest.fixture
def gate(library: Library) -> str:
    return add_file(library, "gate.flac")


def test_rows_that_were_deleted_meanwhile_are_made_anew(library: Library, gate: str) -> None:
    with library.unit_of_work("first") as work:
        file = work.files.put(path="a.flac", modification_time=LONG_AGO)
        work.passages.put(file_id=file, end_time_ticks=SECOND)
    work = library.unit_of_work("second")
    again = work.files.put(path="a.flac", modification_time=LONG_AGO)
    passage = work.passages.put(file_id=again, end_time_ticks=SECOND)
    song = work.songs.put(recording_mbid=mbid(2, 1))
    work.passage_songs.link(passage, song, start_time_ticks=0, end_time_ticks=1)
    work.passages.update(passage, title=None)
    fail_until(work, gate)
    with pytest.raises(ConditionNotMetError):
        work.commit()
    with library.unit_of_work("other") as other:
        other.files.delete(file.guid)
    assert dump(library)["passages"] == []
    let_pass(library, gate)
    report = work.commit()
    assert report.attempts == 1
    assert row_of(library, "passages", passage.guid)["file_id"] == again.guid
    assert row_of(library, "passage_songs", passage.guid)["song_id"] == song.guid
    assert again.guid != file.guid


def test_a_row_that_was_made_meanwhile_is_the_one(library: Library, gate: str) -> None:
    work = library.unit_of_work("second")
    song = work.songs.put(recording_mbid=mbid(2, 1), title="Sinnerman")
    fail_until(work, gate)
    with pytest.raises(ConditionNotMetError):
        work.commit()
    with library.unit_of_work("other") as other:
        theirs = other.songs.put(recording_mbid=mbid(2, 1))
    let_pass(library, gate)
    work.commit()
    assert song.guid == theirs.guid
    assert row_of(library, "songs", song.guid)["title"] == "Sinnerman"


def test_a_corrected_natural_key_leaves_the_row_that_it_named_before(
    library: Library, gate: str
) -> None:
    with library.unit_of_work("first") as work:
        other = work.songs.put(recording_mbid=mbid(2, 1))
    work = library.unit_of_work("second")
    song = work.songs.put(recording_mbid=mbid(2, 1), title="Sinnerman")
    fail_until(work, gate)
    with pytest.raises(ConditionNotMetError):
        work.commit()
    song.set(recording_mbid=mbid(2, 2))
    let_pass(library, gate)
    report = work.commit()
    assert report.attempts == 1
    assert row_of(library, "songs", other.guid)["title"] is None
    assert row_of(library, "songs", song.guid)["recording_mbid"] == mbid(2, 2)
