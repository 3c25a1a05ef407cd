"""A running import of another program is respected, and one that is dead is in nobody's way."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.coexistence.conftest import add_songs
from tests.coexistence.services import ImportService
from tests.support.imports import sessions
from wkmp_orm.errors import ImportRunningError
from wkmp_orm.models import SessionState
from wkmp_orm.orchestrator import import_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wkmp_orm import Library

LONG_AGO = "2001-02-03T04:05:06.000000+00:00"

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT * FROM files").fetchall()
print("open", flush=True)
sys.stdin.read()
"""


def begin(library: Library, *, started: str = LONG_AGO) -> ImportService:
    """Let another program begin an import, and say no more of it."""
    service = ImportService(str(library.target), library.root)
    service.started = started
    service.save_session("PROCESSING", 1, 9)
    return service


def age(library: Library) -> None:
    """Make everything that is stored old."""
    with closing(sqlite3.connect(str(library.target))) as connection, connection:
        for table in ("files", "passages", "songs"):
            connection.execute(f"UPDATE {table} SET updated_at = '2001-02-03 04:05:06'")


@contextmanager
def another_process(library: Library) -> Iterator[int]:
    """Have the database open in another process."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(library.target)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process.pid
        assert process.stdin is not None
        process.stdin.close()


def states(library: Library) -> set[SessionState]:
    return {each.state for each in sessions(library)}


def test_an_import_of_another_program_that_has_just_begun_is_respected(
    library: Library, music_folder: Path
) -> None:
    add_songs(music_folder, 1)
    now = datetime.now(UTC).isoformat()
    with (
        closing(begin(library, started=now)),
        pytest.raises(ImportRunningError, match=r"within the last minute.*take_over=True"),
    ):
        import_folder(library)
    assert states(library) == {SessionState.PROCESSING}


def test_an_import_of_another_program_that_wrote_a_file_within_the_last_minute_is_respected(
    library: Library, music_folder: Path
) -> None:
    add_songs(music_folder, 1)
    with closing(begin(library)) as service:
        service.scan()
        with pytest.raises(ImportRunningError, match="within the last minute"):
            import_folder(library)
        age(library)
    assert import_folder(library).counts.imported == 1
    assert states(library) == {SessionState.CANCELLED, SessionState.COMPLETED}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody tells who has a file open")
def test_an_import_whose_process_may_be_alive_is_respected_until_it_is_taken_over(
    library: Library, music_folder: Path
) -> None:
    add_songs(music_folder, 1)
    begin(library).close()
    with another_process(library) as process:
        with pytest.raises(ImportRunningError, match=rf"\(process {process}\) has the file open"):
            import_folder(library)
        assert states(library) == {SessionState.PROCESSING}
        assert import_folder(library, take_over=True).counts.imported == 1
    assert states(library) == {SessionState.CANCELLED, SessionState.COMPLETED}


def test_a_dead_import_of_another_program_is_cancelled(
    library: Library, music_folder: Path
) -> None:
    add_songs(music_folder, 1)
    begin(library).close()
    assert import_folder(library).state is SessionState.COMPLETED
    assert states(library) == {SessionState.CANCELLED, SessionState.COMPLETED}


def test_two_imports_of_another_program_may_have_been_left_running(
    library: Library, music_folder: Path
) -> None:
    add_songs(music_folder, 1)
    for _ in range(2):
        begin(library).close()
    assert import_folder(library).state is SessionState.COMPLETED
    assert sorted(each.state for each in sessions(library)) == [
        *2 * (SessionState.CANCELLED,),
        SessionState.COMPLETED,
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody tells who has a file open")
def test_an_import_of_ours_that_was_killed_is_in_nobodys_way(
    library: Library, music_folder: Path
) -> None:
    add_songs(music_folder, 1)
    import_folder(library)
    with closing(sqlite3.connect(str(library.target))) as connection, connection:
        connection.execute("UPDATE import_sessions SET state = '\"PROCESSING\"', ended_at = NULL")
    with another_process(library):
        assert import_folder(library).state is SessionState.COMPLETED


def test_their_start_cancels_our_import_which_says_so(library: Library, music_folder: Path) -> None:
    add_songs(music_folder, 1, 2)

    def cancel(_: object) -> None:
        with closing(ImportService(str(library.target), library.root)) as service:
            service.cancel_stale_sessions()

    summary = import_folder(library, on_progress=cancel)
    assert summary.was_cancelled
    assert import_folder(library).state is SessionState.COMPLETED
