"""`wkmp-orm db backup` and `db restore` as a person runs them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.backup.conftest import add_albums, rows_of
from tests.cli.conftest import refused, run_here
from wkmp_orm.cli.advice import command_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Database

__all__ = ["refused", "run_here"]  # fixtures of the command line's tests


@pytest.fixture
def database_of_two(sqlite_database: Database) -> str:
    """Give the path of a library with two albums."""
    with sqlite_database.open() as library:
        add_albums(library, "one", "two")
    return sqlite_database.url


def test_a_backup_is_made_kept_and_brought_back(
    database_of_two: str,
    tmp_path: Path,
    run_here: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    database, backup = ("--database", database_of_two), tmp_path / "wkmp.bak"
    wanted = rows_of(database_of_two)
    for _ in range(4):
        assert run_here("db", "backup", backup, "--keep", "3", *database) == 0
        printed = capsys.readouterr()
        assert printed.out == f"{database_of_two} was backed up to {backup}, and checked\n"
        assert printed.err == ""
    assert sorted(each.name for each in tmp_path.glob("wkmp.bak*")) == [
        "wkmp.bak",
        "wkmp.bak.1",
        "wkmp.bak.2",
    ]
    Path(database_of_two).unlink()
    assert run_here("db", "restore", backup, *database) == 0
    assert rows_of(database_of_two) == wanted
    assert run_here("db", "restore", backup, *database) == 0
    kept = Path(f"{database_of_two}-before-restore.bak")
    assert f"The former content is kept in {kept}\n" in capsys.readouterr().out
    assert rows_of(kept) == wanted


def test_what_cannot_be_backed_up_or_restored_is_said_in_a_sentence(
    database_of_two: str, tmp_path: Path, refused: Callable[..., str]
) -> None:
    database = ("--database", database_of_two)
    text = tmp_path / "text"
    text.write_text("no database at all")
    assert refused("db", "restore", text, *database).startswith(f"{text} is not a backup")
    assert "does not exist" in refused("db", "backup", tmp_path / "no" / "b", *database)
    assert "does not exist" in refused("db", "backup", "b", "--database", tmp_path / "no.db")
    assert not (tmp_path / "no.db").exists()


def test_an_older_schema_is_told_with_the_command_that_upgrades_it(
    database_of_two: str,
    tmp_path: Path,
    run_here: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backup = tmp_path / "wkmp.bak"
    assert run_here("db", "backup", backup, "--database", database_of_two) == 0
    monkeypatch.setattr("wkmp_orm.cli.backup_commands.head_revision", lambda: "a newer one")
    new = tmp_path / "new.db"
    assert run_here("db", "restore", backup, "--database", new) == 0
    upgrade = command_line("db", "upgrade", "--database", str(new))
    assert f"Its schema is older: {upgrade}\n" in capsys.readouterr().out


def test_what_a_server_has_now_is_replaced_only_when_that_is_said(
    postgresql_database: Database,
    pg_programs: Path,
    tmp_path: Path,
    run_here: Callable[..., int],
    refused: Callable[..., str],
) -> None:
    with postgresql_database.open() as library:
        add_albums(library, "one", "two")
    database, backup = ("--database", postgresql_database.url), tmp_path / "wkmp.dump"
    wanted = rows_of(postgresql_database.url)
    assert run_here("db", "backup", backup, *database) == 0
    with postgresql_database.open() as library:
        add_albums(library, "three")
    assert "add --without-backup. Nothing was changed" in refused(
        "db", "restore", backup, *database
    )
    assert run_here("db", "restore", backup, "--without-backup", *database) == 0
    assert rows_of(postgresql_database.url) == wanted
