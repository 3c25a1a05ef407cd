"""Type checkers know the columns of every table, and the files that tell them are fresh."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.core import shop
from wkmp_orm.core.typed_rows import main, rows_of, stale_files

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
OURS = ROOT / "wkmp_orm" / "models" / "rows.py"
CHECKED = [HERE / name for name in ("mistakes.py", "own_models.py", "right.py")]

Place = tuple[str, int]


def mypy(folder: Path) -> set[Place]:
    """Return where mypy finds something."""
    arguments = ["--strict", "--explicit-package-bases", "--follow-imports=silent"]
    cache = f"--cache-dir={folder / 'cache'}"
    path = os.pathsep.join([str(folder), str(ROOT)])
    run = subprocess.run(
        [sys.executable, "-m", "mypy", *arguments, cache, *map(str, CHECKED)],
        cwd=ROOT,
        env=os.environ | {"MYPYPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.findall(r"^\S*?(\w+\.py):(\d+): error", run.stdout, re.MULTILINE)
    assert found, run.stdout + run.stderr
    return {(name, int(line)) for name, line in found}


def pyright(folder: Path) -> set[Place]:
    """Return where pyright finds something."""
    for file in CHECKED:
        (folder / file.name).write_text(file.read_text("utf-8"), encoding="utf-8")
    config = {"include": ["*.py"], "extraPaths": [str(ROOT)]}
    (folder / "pyrightconfig.json").write_text(json.dumps(config), encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(run.stdout)["generalDiagnostics"]
    return {
        (Path(each["file"]).name, each["range"]["start"]["line"] + 1)
        for each in found
        if each["severity"] == "error"
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "checker",
    [
        mypy,
        pytest.param(
            pyright,
            marks=pytest.mark.skipif(
                importlib.util.find_spec("pyright") is None,
                reason="pyright fetches its program when it first runs: install it to have it run",
            ),
        ),
    ],
)
def test_a_type_checker_finds_each_mistake_and_nothing_in_right_calls(
    checker: Callable[[Path], set[Place]], tmp_path: Path
) -> None:
    assert main([shop.__name__, "--write", str(tmp_path / "shop_rows.py")]) == 0
    wrong = {
        (file.name, number)
        for file in CHECKED
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if line.endswith("# wrong")
    }

    assert checker(tmp_path) == wrong


@pytest.mark.smoke
def test_our_typed_rows_are_fresh() -> None:
    command = "python -m wkmp_orm.core.typed_rows wkmp_orm.models --write wkmp_orm/models/rows.py"
    assert stale_files(rows_of("wkmp_orm.models"), OURS) == [], f"run: {command}; ruff format ."


def test_the_command_says_which_files_are_stale(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "shop_rows.py"
    assert main([shop.__name__, "--check", str(file)]) == 1
    main([shop.__name__, "--write", str(file)])
    assert main([shop.__name__, "--check", str(file)]) == 0
    stub = file.with_suffix(".pyi")
    stub.write_text(stub.read_text("utf-8").replace("isbn: str", "isbn: int"), encoding="utf-8")
    capsys.readouterr()

    assert main([shop.__name__, "--check", str(file)]) == 1
    assert capsys.readouterr().out == f"{stub} is stale: write it anew with --write\n"


@pytest.mark.parametrize(
    ("module", "said"), [("no.such.module", "No module named 'no'"), ("json", "json has no models")]
)
def test_a_module_without_models_is_refused_in_words(
    module: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([module, "--check", "rows.py"])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_unit_of_work_has_typed_tables_as_attributes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main([shop.__name__, "--write", str(tmp_path / "shop_rows.py")])
    monkeypatch.syspath_prepend(tmp_path)
    own_models = importlib.import_module("tests.typed.own_models")
    models = (shop.Author, shop.Book, shop.Copy, shop.Credit)
    assert own_models.Work.models() == models
