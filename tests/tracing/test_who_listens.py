"""Who listens is decided when a database is opened; where nobody does, nothing is loaded."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from opentelemetry import metrics, trace

from tests.support.telemetry import Telemetry, providers_of_the_process
from wkmp_orm.core.spans import NO_TRACING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Database

NOW = datetime(2025, 11, 16, tzinfo=UTC)

IMPORT = """
import sys
from pathlib import Path
from wkmp_orm import Library

with Library.open(sys.argv[1]) as library:
    with library.unit_of_work("mine") as work:
        work.files.add(path="elsewhere/a.flac", modification_time={now!r})
    summary = library.import_folder(Path(sys.argv[1]).parent, workers=1)
    assert summary.counts.imported == 1, summary
loaded = sorted(name for name in sys.modules if "opentelemetry" in name or "tracing" in name)
print(*loaded)
"""

BLOCKED = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
"""


def loaded_by_an_import(music: Path, program: str) -> list[str]:
    """Run a program that imports one song, and return what it has loaded for tracing."""
    from tests.support.sound import make_sound  # noqa: PLC0415  the rest needs no sound

    make_sound(music / "song.flac", seconds=0.2)
    done = subprocess.run(
        [sys.executable, "-c", program, str(music / "wkmp.db")],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_without_opentelemetry_everything_works(music: Path) -> None:
    program = BLOCKED + "import datetime" + IMPORT.format(now=NOW)
    assert not [name for name in loaded_by_an_import(music, program) if name[:4] == "open"]


def test_where_nobody_has_set_up_opentelemetry_it_is_not_loaded(music: Path) -> None:
    program = "import datetime" + IMPORT.format(now=NOW)
    loaded = loaded_by_an_import(music, program)
    assert loaded == ["wkmp_orm.core.tracing", "wkmp_orm.core.tracing.usual"]


def test_opentelemetry_that_is_loaded_and_not_set_up_is_not_listened_to(
    sqlite_database: Database,
) -> None:
    assert "opentelemetry.trace" in sys.modules
    with sqlite_database.open() as library:
        assert library.tracing is NO_TRACING


def test_who_sets_providers_for_the_process_hears_of_what_is_opened_later(
    sqlite_database: Database,
) -> None:
    telemetry = Telemetry()
    with providers_of_the_process():
        trace.set_tracer_provider(telemetry.tracers)
        metrics.set_meter_provider(telemetry.meters)
        with sqlite_database.open() as library, library.unit_of_work("scan") as work:
            work.files.add(path="a.flac", modification_time=NOW)
    unit = telemetry.roots[-1]
    assert unit.name == "unit_of_work"
    assert unit.below("INSERT files")
    assert telemetry.numbers("wkmp_orm.write.hold")
    with sqlite_database.open() as library:
        assert library.tracing is NO_TRACING


def test_who_sets_a_provider_of_metrics_alone_gets_numbers(sqlite_database: Database) -> None:
    telemetry = Telemetry()
    with providers_of_the_process():
        metrics.set_meter_provider(telemetry.meters)
        with sqlite_database.open() as library, library.unit_of_work("scan") as work:
            work.files.add(path="a.flac", modification_time=NOW)
    assert telemetry.spans == []
    assert telemetry.numbers("wkmp_orm.write.rows")
