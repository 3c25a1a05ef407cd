"""A path or a URL says which database; what cannot be used is refused with what to give instead."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote

import pytest

from wkmp_orm import Library
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.errors import ConfigurationError

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


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("postgresql://nina@host/wkmp?options=-csearch_path%3Dmusic", "search_path"),
        ("postgresql:///wkmp?host=/var/run/postgresql", "host=/var/run/postgresql"),
        ("postgresql:///wkmp?host=one:5432&host=two:5432", "host=one:5432&host=two:5432"),
    ],
)
def test_a_name_says_what_tells_one_database_from_another(given: str, named: str) -> None:
    assert named in unquote(str(DatabaseTarget.parse(given)))


def test_a_scheme_may_be_written_in_capitals(tmp_path: Path) -> None:
    assert DatabaseTarget.parse("PostgreSQL://nina@host/wkmp").dialect == "postgresql"
    assert DatabaseTarget.parse(f"SQLITE:///{tmp_path}/wkmp.db").path == tmp_path / "wkmp.db"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("sqlite:///wkmp.db?mode=ro", "has options after a '\\?'"),
        ("sqlite://host/wkmp.db", "must not name a host"),
    ],
)
def test_what_an_sqlite_url_cannot_say_is_refused_and_not_passed_over(
    given: str, said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Library.open(given)


def test_an_option_that_postgresql_does_not_know_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ConfigurationError, match="did you mean sslmode"):
        Library.open("postgresql://nina@host/wkmp?sslmod=require")


def test_a_file_whose_name_looks_like_a_url_is_opened_by_its_whole_path(tmp_path: Path) -> None:
    path = tmp_path / "12:30 @ Paris.db"
    with Library.open(path) as library:
        assert library.target.path == path


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
