"""What the phases of a file cost on PostgreSQL in round trips, counted on the wire.

Locks are held for as long as these take: a laptop far away waits 50 ms for each of them.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import pytest

from tests.benchmarks.databases import SCANNED_AT
from tests.benchmarks.phases_of_a_file import phases_of
from tests.benchmarks.work import Work
from tests.support.wire import wire_to
from wkmp_orm import Library, Phase
from wkmp_orm.phases import FoundFile, in_unit_of_work, record_files

if TYPE_CHECKING:
    from tests.conftest import Database
    from wkmp_orm.core.engine.options import Bulk

FILES: Final = 8
WARM: Final = 6
"""Files after which connections are open, artists known and statements prepared."""

MOST: Final[dict[str, dict[str, int]]] = {
    "driver": {"recording": 8, "all": 34},
    "session": {"recording": 25, "all": 74},
}


@pytest.mark.parametrize("bulk", MOST)
def test_the_phases_of_a_file_take_a_few_round_trips(
    postgresql_database: Database, bulk: Bulk
) -> None:
    trips = round_trips(postgresql_database, bulk)
    most = MOST[bulk]
    assert trips[Phase.RECORDING] <= most["recording"], trips
    assert sum(trips.values()) <= most["all"], trips


def round_trips(database: Database, bulk: Bulk) -> dict[str, int]:
    """Count the round trips of each phase, as the file had them that was interrupted least."""
    counted: dict[str, list[int]] = defaultdict(list)
    recordings = Work().files(FILES)
    found = [FoundFile(each.path, 30_000_000, SCANNED_AT) for each in recordings]
    with (
        wire_to(database.url) as wire,
        Library.open(wire.url, root=database.root, bulk=bulk) as library,
    ):
        matched = in_unit_of_work(library, Phase.SCANNING, lambda work: record_files(work, found))
        for number, (match, recording) in enumerate(zip(matched, recordings, strict=True)):
            for phase, run in phases_of(library, match.guid, recording).items():
                with wire.counting() as trips:
                    run()
                if number >= WARM:
                    counted[phase] += trips
    return {phase: min(each) for phase, each in counted.items()}
