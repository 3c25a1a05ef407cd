"""What is wrong with a PostgreSQL is named, as far as a role may see it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import psycopg
import pytest

from tests.doctor.conftest import found_in
from wkmp_orm.doctor import Severity, examine, server

if TYPE_CHECKING:
    from tests.conftest import Database

WATCH: Final = (
    "CREATE TRIGGER theirs BEFORE UPDATE ON songs FOR EACH ROW"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger()"
)

FAULTS: Final[dict[str, tuple[list[str], str, Severity, str]]] = {
    "an index that is not valid": (
        ["UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_files_status'::regclass"],
        "indexes",
        Severity.ERROR,
        "idx_files_status",
    ),
    "a constraint that was never checked": (
        ["ALTER TABLE songs ADD CONSTRAINT theirs CHECK (title <> 'x') NOT VALID"],
        "constraints",
        Severity.WARNING,
        "theirs",
    ),
    "a trigger": (
        [WATCH],
        "triggers",
        Severity.WARNING,
        "theirs on songs",
    ),
    "references that are switched off": (
        ["ALTER TABLE passages DISABLE TRIGGER ALL"],
        "references",
        Severity.ERROR,
        "passages",
    ),
    "policies": (
        ["ALTER TABLE songs ENABLE ROW LEVEL SECURITY"],
        "tables",
        Severity.WARNING,
        "songs",
    ),
    "tables that a crash empties": (
        ["ALTER TABLE acoustid_cache SET UNLOGGED"],
        "tables",
        Severity.ERROR,
        "acoustid_cache",
    ),
}


def connect(database: Database) -> psycopg.Connection[Any]:
    url = database.url.replace("postgresql+psycopg", "postgresql")
    return psycopg.connect(url, autocommit=True)


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_with_a_server_is_named(filled_server: Database, name: str) -> None:
    statements, check, severity, words = FAULTS[name]
    with closing(connect(filled_server)) as connection:
        for each in statements:
            connection.execute(each.encode())
    found = found_in(filled_server.url)
    assert found[check].severity is severity
    assert words in " ".join(found[check].evidence)


def test_settings_of_the_server_that_lose_rows_are_named(filled_server: Database) -> None:
    with closing(connect(filled_server)) as connection:
        (name,) = connection.execute("SELECT current_database()").fetchone() or ("",)
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off'.encode())
    told = " ".join(map(str, examine(filled_server.url).findings))
    assert "loses the last commits" in told


def test_a_transaction_that_does_nothing_is_named(
    filled_server: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LONG_S", 0)
    with closing(connect(filled_server)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT 1")
        finding = found_in(filled_server.url)["locks"]
        assert str(connection.info.backend_pid) in " ".join(finding.evidence)
