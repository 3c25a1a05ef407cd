"""A path or a URL says which database; what cannot be used is refused with what to give instead."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wkmp_orm import ConfigurationError, Library
from wkmp_orm.engine.target import DatabaseTarget

IN_MEMORY = (
    ":memory:",
    "",
    "sqlite://",
    "sqlite:///:memory:",
    "sqlite+pysqlite:///:memory:",
    "file:wkmp.db",
    "file::memory:?cache=shared",
    "sqlite:///file:wkmp.db?uri=true",
)


@pytest.mark.parametrize(
    "given",
    ["wkmp.db", Path("wkmp.db"), "./wkmp.db", "sqlite:///wkmp.db", "sqlite+pysqlite:///wkmp.db"],
    ids=repr,
)
def test_a_relative_path_is_taken_from_the_working_folder(
    given: str | Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    target = DatabaseTarget.parse(given)

    assert (target.path, target.dialect) == (tmp_path / "wkmp.db", "sqlite")
    assert str(target) == str(tmp_path / "wkmp.db")
    assert target.url.database == str(tmp_path / "wkmp.db")


def test_a_tilde_is_the_home_folder() -> None:
    assert DatabaseTarget.parse("~/wkmp.db").path == Path("~/wkmp.db").expanduser()


@pytest.mark.parametrize(
    "given",
    ["postgresql://", "postgres://", "postgresql+psycopg://", "postgresql+psycopg2://"],
)
def test_every_postgresql_url_means_the_one_driver(given: str) -> None:
    target = DatabaseTarget.parse(f"{given}nina:secret@host:5433/wkmp?sslmode=require")

    assert (target.path, target.dialect) == (None, "postgresql")
    assert target.url.render_as_string(hide_password=False) == (
        "postgresql+psycopg://nina:secret@host:5433/wkmp?sslmode=require"
    )
    assert str(target) == "postgresql+psycopg://nina:***@host:5433/wkmp?sslmode=require"


@pytest.mark.parametrize("given", IN_MEMORY)
def test_what_readers_and_writers_cannot_share_is_refused(given: str) -> None:
    with pytest.raises(ConfigurationError, match="give the path of a file, for example in a temp"):
        Library.open(given)


def test_another_kind_of_database_is_refused_without_its_password() -> None:
    with pytest.raises(ConfigurationError, match="mysql is not supported; give the path") as told:
        Library.open("mysql://nina:secret@host/wkmp")
    assert "secret" not in str(told.value)


def test_a_url_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Library.open("post gres://nina:secret@host:port/wkmp")


def test_a_folder_is_refused_with_a_file_in_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"is a folder; .* e.g. {tmp_path}{os.sep}wkmp.db"):
        Library.open(tmp_path)
