"""A unit of work means its calls, in the order in which they were made: whatever they are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import pytest

from tests.histories.exploring import explore
from tests.histories.music import MUSIC

if TYPE_CHECKING:
    from wkmp_orm import Library

LONG: Final = int(os.environ.get("WKMP_HISTORIES", "1000"))
"""How many histories the slow test performs on SQLite; on PostgreSQL three tenths of them."""
SEED: Final = int(os.environ.get("WKMP_HISTORIES_SEED", "2"))
"""Which ones they are: the same every time, so that a change is to blame for what they find. Give
another one to explore."""


def test_what_a_unit_of_work_leaves_behind_is_what_its_calls_say_one_by_one(
    library: Library,
) -> None:
    with explore(library, MUSIC, 60, seeded=1) as findings:
        assert not findings.seen, findings.told()


@pytest.mark.slow
@pytest.mark.timeout(6 * 3600)
def test_a_thousand_other_histories_keep_the_rule_as_well(library: Library) -> None:
    on_sqlite = library.target.dialect == "sqlite"
    examples = LONG if on_sqlite else LONG * 3 // 10
    with explore(library, MUSIC, examples, seeded=SEED) as findings:
        assert not findings.seen, findings.told()
