"""Rows that contradict each other are named on both databases, and mended where that is safe."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pytest
import sqlalchemy as sa

from tests.doctor.conftest import found_in
from tests.support.imports import statuses
from wkmp_orm.core.engine.factory import create_writer_engine, disposing
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.doctor import Severity, examine
from wkmp_orm.models import FileStatus
from wkmp_orm.phases import record_failure, start_session

if TYPE_CHECKING:
    from tests.conftest import Database

GUID: Final = "01900000-0000-7000-8000-000000000000"
LONG_AGO: Final = "2001-02-03T00:00:00+00:00"

GAIN_A_SHARE: Final = (
    "INSERT INTO song_artists (song_id, artist_id, weight)"
    " SELECT songs.guid, artists.guid, 0.5 FROM songs, artists WHERE artists.name = 'Other'"
)

CONTRADICTIONS: Final[dict[str, tuple[str, str, str]]] = {
    "a complete file without passages": (
        "DELETE FROM passages",
        "files",
        "have no passages",
    ),
    "a duplicate without an original": (
        "UPDATE files SET hash = 'b' WHERE path = 'copy.flac'",
        "files",
        "original that does not exist",
    ),
    "a passage behind the end of its file": (
        "UPDATE files SET duration_ticks = 28224000 WHERE path = 'nina.flac'",
        "passages",
        "end before their passages",
    ),
    "a song behind the end of its passage": (
        "UPDATE passage_songs SET end_time_ticks = end_time_ticks * 2",
        "passage_songs",
        "after the passages",
    ),
    "shares above 1": (
        GAIN_A_SHARE,
        "song_artists",
        "more than 1",
    ),
    "a setting that is no number": (
        "INSERT INTO settings (key, value) VALUES ('ai_database_lock_retry_ms', 'soon')",
        "settings",
        "ai_database_lock_retry_ms",
    ),
    "rows of the future": (
        "UPDATE files SET updated_at = '2999-01-01 00:00:00'",
        "clock",
        "2999",
    ),
}


def change(database: Database, *statements: str) -> None:
    """Execute statements as another program would, without foreign keys."""
    with (
        disposing(create_writer_engine(DatabaseTarget.parse(database.url))) as engine,
        engine.begin() as connection,
    ):
        for each in statements:
            connection.execute(sa.text(each))


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_rows_that_contradict_each_other_are_named(filled: Database, name: str) -> None:
    statement, check, words = CONTRADICTIONS[name]
    with filled.open() as library, library.unit_of_work("another") as work:
        work.artists.put(artist_mbid="name:other", name="Other")
    change(filled, statement)
    finding = found_in(filled.url)[check]
    assert finding.severity is Severity.WARNING
    assert words in finding.what


def test_a_sound_library_has_no_finding(filled: Database) -> None:
    assert found_in(filled.url) == {}


def test_a_session_that_no_import_runs_any_more_is_named(filled: Database) -> None:
    with filled.open() as library:
        start_session(library, root_folder="/music", parameters={})
    finding = found_in(filled.url)["import_sessions"]
    assert "/music" in finding.evidence


def test_failures_are_named_that_are_older_than_their_files_import(filled: Database) -> None:
    with filled.open() as library:
        session = start_session(library, root_folder="/music", parameters={})
        with library.unit_of_work("failing") as work:
            for path, phase in (("nina.flac", "analysis"), ("copy.flac", "scanning")):
                record_failure(
                    work, session_id=session, path=path, phase=phase, reason="it is broken"
                )
    change(filled, f"UPDATE import_failures SET occurred_at = '{LONG_AGO}'")
    finding = found_in(filled.url)["import_failures"]
    assert finding.evidence == ("nina.flac",)


def test_a_file_that_an_import_was_interrupted_in_is_no_fault(filled: Database) -> None:
    change(filled, "UPDATE files SET status = 'PROCESSING' WHERE path = 'nina.flac'")
    examination = examine(filled.url)
    told = [each for each in examination.findings if each.evidence == ("nina.flac",)]
    assert [each.severity for each in told] == [Severity.NOTE]


def test_fixing_leaves_a_file_without_passages_to_the_next_import(filled: Database) -> None:
    change(filled, "DELETE FROM passages")
    finding = found_in(filled.url)["files"]
    assert finding.fix is not None
    assert "files left to the next import: 1" in finding.fix()
    with filled.open() as library:
        assert statuses(library)["nina.flac"] == FileStatus.PENDING


def test_the_clock_may_be_a_little_ahead(filled: Database) -> None:
    soon = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    change(filled, f"UPDATE files SET updated_at = '{soon.isoformat(' ')}'")
    assert found_in(filled.url) == {}
