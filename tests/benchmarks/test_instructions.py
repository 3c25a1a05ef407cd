"""Instructions are counted where they were spent, and only those that were asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.benchmarks import instructions

if TYPE_CHECKING:
    from pathlib import Path

COUNTS = """\
desc: Trigger: dump 0
summary: 1000
ob=(1) /lib/libpython3.so
fn=(1) main
12 300
+3 100
cob=(2) /lib/libsqlite3.so.0
cfn=(2) sqlite3_step
calls=4 0
* 600
ob=(2)
fn=(2)
0 600
totals: 1000
"""


def test_what_a_called_function_took_counts_where_it_was_spent(tmp_path: Path) -> None:
    (tmp_path / "counts.1").write_text(COUNTS.replace("dump 0", "dump before"))
    (tmp_path / "counts.2").write_text(COUNTS)
    found = dict(instructions._counts(tmp_path))["0"]
    assert found.every == pytest.approx(1.0 / instructions.COUNTED)
    assert found.of_sqlite == pytest.approx(0.6 / instructions.COUNTED)
