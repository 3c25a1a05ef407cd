"""Files and functions of the package stay small enough to be read at one go."""

from __future__ import annotations

import ast
from pathlib import Path

import wkmp_orm

MOST_LINES_OF_A_FILE = 350
MOST_LINES_OF_A_FUNCTION = 50
"""The docstring included."""

PACKAGE = Path(wkmp_orm.__file__).parent
FILES = sorted(each for end in ("py", "pyi") for each in PACKAGE.rglob(f"*.{end}"))
GENERATED = {PACKAGE / "models" / "rows.pyi"}


def test_no_file_is_longer_than_350_lines() -> None:
    lengths = {file: len(_text(file).splitlines()) for file in FILES if file not in GENERATED}
    assert len(lengths) > 100
    assert {file: n for file, n in lengths.items() if n > MOST_LINES_OF_A_FILE} == {}


def test_no_function_is_longer_than_50_lines() -> None:
    lengths = {
        f"{file}:{each.lineno} {each.name}": (each.end_lineno or 0) - each.lineno + 1
        for file in FILES
        for each in ast.walk(ast.parse(_text(file)))
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert len(lengths) > 1_000
    assert {name: n for name, n in lengths.items() if n > MOST_LINES_OF_A_FUNCTION} == {}


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")
