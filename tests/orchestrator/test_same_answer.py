"""One folder has one outcome: on both databases, with any number of workers, however often."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, get_args

import pytest

from tests.conftest import Database
from tests.support.canonical import canonical
from tests.support.imports import failures, statuses, table
from tests.support.varied_music import BECOMES, FAILS, PASSAGES, make_documents, make_varied_music
from wkmp_orm import Passage
from wkmp_orm.core.engine.options import Bulk
from wkmp_orm.orchestrator import import_folder

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres import PostgresServer
    from wkmp_orm import Library


@pytest.fixture
def varied(music: Path) -> Path:
    """Fill the library's root with music of all sorts."""
    make_varied_music(music)
    return music


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """Give AcousticBrainz documents of some songs."""
    return make_documents(tmp_path / "documents")


def test_every_file_ends_in_a_status_that_can_be_explained_and_the_summary_adds_up(
    library: Library, varied: Path, documents: Path
) -> None:
    library.settings.save({"acousticbrainz_folder": str(documents)})
    summary = import_folder(library, workers=3)
    counts = summary.counts
    assert Counter(statuses(library).values()) == BECOMES
    assert counts.found == counts.new == counts.to_import == counts.done == sum(BECOMES.values())
    assert counts.imported == BECOMES["INGEST COMPLETE"]
    assert counts.duplicates == BECOMES["DUPLICATE HASH"]
    assert counts.no_audio == BECOMES["NO AUDIO"]
    assert counts.failed == BECOMES["PENDING"] == len(FAILS)
    assert counts.bytes_done == counts.bytes_to_import
    assert tuple(failure.path for failure in summary.failures) == FAILS
    assert set(failures(library)) == set(FAILS)
    findings = summary.findings
    assert findings.passages == PASSAGES == len(table(library, Passage, "guid"))
    assert findings.identified + findings.unidentified == PASSAGES
    assert sum(effort.files for effort in summary.workers.values()) == counts.to_import
    assert sum(effort.failed for effort in summary.phases.values()) == counts.failed


def test_both_databases_hold_the_same(
    sqlite_database: Database, postgresql_database: Database, varied: Path, documents: Path
) -> None:
    told = [imported(database, documents) for database in (sqlite_database, postgresql_database)]
    assert told[0] == told[1]
    assert len(told[0]["files"]) == sum(BECOMES.values())


def test_both_senders_store_the_same_in_sqlite(
    sqlite_template: Path, varied: Path, documents: Path, tmp_path: Path
) -> None:
    told = []
    for bulk in get_args(Bulk):
        path = tmp_path / f"{bulk}.db"
        path.write_bytes(sqlite_template.read_bytes())
        told.append(imported(Database(str(path), "sqlite", varied, bulk), documents))
    assert told[0] == told[1]


def test_both_senders_store_the_same_in_postgresql(
    postgres_server: PostgresServer, postgresql_template: str, varied: Path, documents: Path
) -> None:
    told = []
    for bulk in get_args(Bulk):
        url = postgres_server.create_database(f"by_{bulk}", template=postgresql_template)
        told.append(imported(Database(str(url), "postgresql", varied, bulk), documents))
        postgres_server.drop_database(f"by_{bulk}")
    assert told[0] == told[1]
    assert len(told[0]["files"]) == sum(BECOMES.values())


def imported(database: Database, documents: Path) -> dict[str, list[str]]:
    """Import the database's root, and tell what is stored."""
    with database.open() as library:
        library.settings.save({"acousticbrainz_folder": str(documents)})
        import_folder(library, workers=3)
        return canonical(library)


def test_one_worker_and_eight_come_to_the_same(
    library: Library, database: Database, varied: Path, sqlite_template: Path, tmp_path: Path
) -> None:
    import_folder(library, workers=1)
    other = tmp_path / "other.db"
    other.write_bytes(sqlite_template.read_bytes())
    with type(library).open(other, root=varied) as second:
        import_folder(second, workers=8)
        assert canonical(second) == canonical(library)


def test_a_second_import_comes_to_the_same_without_decoding_anything_whole(
    library: Library, varied: Path
) -> None:
    import_folder(library, workers=3)
    before = canonical(library)
    summary = import_folder(library, workers=3)
    assert canonical(library) == before
    # What failed is tried again; nothing else.
    assert summary.counts.to_import == summary.counts.failed == len(FAILS)
    assert summary.findings.sound_ticks == 0
