"""What files say no more gives way to what others say, and what a user wrote never does."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from tests.living.test_corrected_tags import RIGHT, WRONG, retag, shared, tagged
from tests.phases.importing import (
    add_file,
    hash_file,
    mbid,
    record,
    set_columns,
    sha256,
    stored,
)
from tests.support.patience import PATIENCE_S
from wkmp_orm import Artist, Phase, Song
from wkmp_orm.models import FileStatus
from wkmp_orm.phases import in_unit_of_work, mark_missing, stored_files
from wkmp_orm.phases.missing import unmark_missing

if TYPE_CHECKING:
    from wkmp_orm import Library


def gone(library: Library, *files: str) -> None:
    """Let an import find that files are gone."""
    rows = [row for row in stored_files(library) if row.guid in files]
    in_unit_of_work(library, Phase.SCANNING, lambda work: mark_missing(work, rows))


def test_what_only_a_file_said_that_is_missing_now_gives_way_to_what_another_says(
    library: Library,
) -> None:
    first, other = add_file(library, "1.flac"), add_file(library, "2.flac")
    record(library, first, tagged(**WRONG))
    record(library, other, tagged(**RIGHT))
    assert shared(library) == WRONG
    gone(library, first)
    assert shared(library) == RIGHT
    assert stored(library, Artist.identity_key) == [("name:beatles",)]


def test_what_a_file_said_of_its_former_recording_gives_way(library: Library) -> None:
    first, other = add_file(library, "1.flac"), add_file(library, "2.flac")
    record(library, first, tagged(**WRONG))
    record(library, other, tagged(**WRONG | {"title": "Right"}))
    assert retag(library, first, tagged(**WRONG, song=5)) == 1
    assert stored(library, Song.recording_mbid, Song.title) == [
        (mbid(1), "Right"),
        (mbid(5), "Wrnog"),
    ]


def test_what_a_file_said_that_is_a_copy_of_another_now_gives_way(library: Library) -> None:
    first, other = add_file(library, "1.flac"), add_file(library, "2.flac")
    for file, digest, said in ((first, "a", WRONG), (other, "b", RIGHT)):
        hash_file(library, file, sha256(digest))
        record(library, file, tagged(**said))
    set_columns(library, "files", other, status=FileStatus.INGEST_COMPLETE)
    assert shared(library) == WRONG
    assert hash_file(library, first, sha256("b"))
    assert shared(library) == RIGHT


def test_a_row_that_only_missing_files_speak_of_takes_what_the_next_one_says(
    library: Library,
) -> None:
    first = add_file(library, "1.flac")
    record(library, first, tagged(**WRONG))
    gone(library, first)
    assert shared(library) == WRONG
    assert record(library, add_file(library, "2.flac"), tagged(**RIGHT)).corrected == 5
    assert shared(library) == RIGHT


def test_what_only_a_missing_file_said_gives_way_to_a_file_that_is_back(library: Library) -> None:
    first, second = add_file(library, "1.flac"), add_file(library, "2.flac")
    record(library, first, tagged(**WRONG))
    record(library, second, tagged(**RIGHT))
    gone(library, first, second)
    assert shared(library) == WRONG
    in_unit_of_work(library, Phase.SCANNING, lambda work: unmark_missing(work, [second]))
    assert shared(library) == RIGHT


@pytest.mark.parametrize("by_user", [True, False])
def test_what_a_user_or_a_service_said_stays_when_nobody_is_left(
    library: Library, *, by_user: bool
) -> None:
    first = add_file(library, "1.flac")
    record(library, first, tagged(**WRONG, by_tags=by_user))
    if by_user:
        with library.begin_monitored("a user") as session:
            session.execute(sa.update(Song).values(title="Mine"))
    gone(library, first)
    record(library, add_file(library, "2.flac"), tagged(**RIGHT))
    assert shared(library)["title"] == ("Mine" if by_user else "Wrnog")


def test_what_another_program_wrote_before_any_file_spoke_of_it_stays(library: Library) -> None:
    with library.unit_of_work("another program") as work:
        work.songs.put(recording_mbid=mbid(1), title="Their title", artist_name="Their artist")
        work.artists.put(artist_mbid=mbid(2), name="Their artist")
        work.albums.put(album_mbid=mbid(3), title="Their album", release_date="1970")
    for file in ("1.flac", "2.flac"):
        record(library, add_file(library, file), tagged(**RIGHT))
        assert shared(library) == {
            "title": "Their title",
            "artist": "Their artist",
            "album": "Their album",
            "date": "1970",
        }
        assert stored(library, Artist.name) == [("Their artist",)]


def test_what_files_disagree_on_is_counted(library: Library) -> None:
    one, other = add_file(library, "1.flac"), add_file(library, "2.flac")
    for file in (one, other):
        record(library, file, tagged(**WRONG))
    set_columns(library, "files", one, status=FileStatus.PENDING)
    recorded = record(library, one, tagged(**WRONG | {"title": "Right"}))
    assert (recorded.corrected, recorded.disputed) == (0, 1)


def wait_for_a_waiter(library: Library) -> None:
    """Return when a transaction waits for a row; on SQLite it waits before it has begun."""
    query = sa.text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    deadline = time.monotonic() + PATIENCE_S
    while library.target.dialect == "postgresql":
        with library.reader() as session:
            if session.scalar(query):
                return
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_a_user_writes_while_a_correction_waits_for_the_row_stays(library: Library) -> None:
    file = add_file(library)
    record(library, file, tagged(**WRONG))
    set_columns(library, "files", file, status=FileStatus.PENDING)
    with ThreadPoolExecutor(1) as threads:
        with library.begin_monitored("a user") as session:
            session.execute(sa.update(Song).values(title="Mine"))
            recording = threads.submit(record, library, file, tagged(**WRONG | {"title": "Right"}))
            wait_for_a_waiter(library)
        assert recording.result(PATIENCE_S).disputed == 1
    assert shared(library)["title"] == "Mine"
