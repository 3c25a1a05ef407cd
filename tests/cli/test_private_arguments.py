"""A password or a key that is typed in the wrong place is not repeated on the terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Database

PRIVATE = "Xq7vKp"
URL = f"postgresql://u:{PRIVATE}@127.0.0.1:1/db"
KEYWORDS = f"host=127.0.0.1 port=1 password={PRIVATE}"


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["import", URL], id="as the folder to import"),
        pytest.param(["import", ".", URL], id="behind the folder to import"),
        pytest.param(["import", ".", "--root", URL], id="as the root"),
        pytest.param(["import", ".", "--workers", URL], id="as a number"),
        pytest.param(["import", ".", "--json", "--database", URL], id="where nothing listens"),
        pytest.param(["status", URL], id="as the folder of a library"),
        pytest.param(["retry-failed", KEYWORDS], id="in the form of libpq"),
        pytest.param(["db", "upgrade", URL], id="without --database"),
        pytest.param(["db", "check", "--database", KEYWORDS], id="as libpq has it"),
        pytest.param(["db", URL], id="as a command of a group"),
        pytest.param([URL], id="as a command"),
        pytest.param(["--databse", URL, "status"], id="behind a misspelled option"),
        pytest.param(["settings", "list", f"--databse={URL}"], id="in a misspelled option"),
        pytest.param(["settings", "set", "acoustid_api_key", "my", PRIVATE], id="without quotes"),
        pytest.param(["settings", "set", PRIVATE, "acoustid_api_key"], id="before its name"),
        pytest.param(["settings", "set", PRIVATE], id="without its name"),
    ],
)
def test_what_is_secret_is_not_repeated(
    arguments: list[str],
    run_here: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for verbose in ([], ["--verbose"]):
        assert run_here(*verbose, *arguments) == 2
        printed = capsys.readouterr()
        assert PRIVATE not in printed.out + printed.err
        assert "Error: " in printed.err
    assert list(tmp_path.glob("*password*")) == []


def test_other_arguments_are_named_when_they_are_wrong(
    run_here: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_here("import", "one", "two") == 2
    assert "two" in capsys.readouterr().err


def test_a_url_of_a_service_that_names_a_user_is_not_listed(
    sqlite_database: Database, run_here: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    place = ("--database", sqlite_database.url)
    url = f"https://u:{PRIVATE}@example.org/ws/2"
    assert run_here("settings", "set", "musicbrainz_url", url, *place) == 0
    assert run_here("settings", "list", *place) == 0
    assert run_here("settings", "list", "--json", *place) == 0
    printed = capsys.readouterr().out
    assert PRIVATE not in printed
    assert json.loads(printed[printed.index("{") :])["musicbrainz_url"] == "***"
