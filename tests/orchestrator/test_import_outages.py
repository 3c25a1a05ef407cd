"""An import whose server goes away waits for it, says so, and ends as if nothing had been."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy.engine import make_url

from tests.support.imports import music_dump, statuses
from tests.support.outages import way_to
from tests.support.sound import make_sound
from wkmp_orm import Library
from wkmp_orm.errors import ConnectionLostError
from wkmp_orm.models import SessionState
from wkmp_orm.orchestrator import STEPS, Step, import_folder
from wkmp_orm.phase import Phase

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Database
    from tests.support.outages import Way
    from wkmp_orm.orchestrator import ImportProgress
    from wkmp_orm.orchestrator.file_in_progress import FileInProgress

FILES = 4


@pytest.fixture
def music(music: Path) -> Path:
    for number in range(FILES):
        make_sound(music / f"{number}.flac", seconds=0.2, frequency=300 + number)
    return music


class Outage:
    """Cuts the way in front of a phase of one file; who is shown the wait heals it."""

    def __init__(self, way: Way, phase: str) -> None:
        self.way = way
        self.shown: list[float] = []
        self._left = [True]
        at = next(number for number, step in enumerate(STEPS) if step.phase == phase)
        self.steps = (*STEPS[:at], Step("outage", self._cut), *STEPS[at:])

    def _cut(self, _file: FileInProgress) -> None:
        if self._left:
            self._left.pop()
            self.way.cut()

    def show(self, progress: ImportProgress) -> None:
        if progress.away_s:
            self.shown.append(progress.away_s)
            self.way.heal()


@pytest.mark.parametrize(
    "phase",
    [
        Phase.RECORDING,
        *(
            pytest.param(phase, marks=pytest.mark.slow)
            for phase in (Phase.HASH_DEDUPLICATION, Phase.FLAVORING, Phase.FINALIZATION)
        ),
    ],
)
def test_an_import_waits_for_a_server_that_is_away_and_shows_it(
    postgresql_database: Database, music: Path, phase: Phase
) -> None:
    with (
        way_to(postgresql_database.url) as way,
        Library.open(way.url, root=music, max_lock_wait_ms=2_000) as library,
    ):
        outage = Outage(way, phase)
        summary = import_folder(
            library, workers=2, steps=outage.steps, on_progress=outage.show, flavor_sources=[]
        )
        assert summary.state is SessionState.COMPLETED
        assert (summary.counts.imported, summary.failures) == (FILES, ())
        assert outage.shown
        assert set(statuses(library).values()) == {"INGEST COMPLETE"}
        assert len(music_dump(library)["passages"]) == FILES


@pytest.mark.slow
def test_sessions_that_are_ended_in_the_middle_of_an_import_are_not_noticed(
    postgresql_database: Database, music: Path
) -> None:
    url = make_url(postgresql_database.url).set(drivername="postgresql")
    conninfo = url.render_as_string(hide_password=False)

    def end_sessions(_file: FileInProgress) -> None:
        with psycopg.connect(conninfo, autocommit=True) as administrator:
            administrator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'wkmp_orm'"
            )

    steps = [each for step in STEPS for each in (Step("end sessions", end_sessions), step)]
    with postgresql_database.open() as library:
        summary = import_folder(library, workers=2, steps=steps)
        assert (summary.counts.imported, summary.failures) == (FILES, ())


@pytest.mark.slow
def test_stopping_an_import_ends_its_waiting(postgresql_database: Database, music: Path) -> None:
    with (
        way_to(postgresql_database.url) as way,
        Library.open(way.url, root=music, max_lock_wait_ms=500) as library,
    ):
        stop = threading.Event()
        outage = Outage(way, Phase.RECORDING)

        def show(progress: ImportProgress) -> None:
            if progress.away_s:
                stop.set()

        with pytest.raises(ConnectionLostError):
            import_folder(library, workers=2, steps=outage.steps, on_progress=show, stop=stop)
        way.heal()
        assert import_folder(library).state is SessionState.COMPLETED
        assert set(statuses(library).values()) == {"INGEST COMPLETE"}
