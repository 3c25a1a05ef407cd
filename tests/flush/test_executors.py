"""The fast way to send a batch gives the same rows as the plain one, which is the reference."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.flush.representative import accumulate, prepare
from tests.flush.stored import age, content, dump, restore
from tests.support.recorder import recording
from wkmp_orm.flush.executor import PlainExecutor
from wkmp_orm.flush.fast import DriverExecutor
from wkmp_orm.models import AcoustidCache, Album, Artist, File, Song, Work
from wkmp_orm.testing import build_recordings, put_all
from wkmp_orm.testing.strategies import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.flush.stored import Rows
    from wkmp_orm import Library
    from wkmp_orm.flush.executor import Executor

EXECUTORS = (PlainExecutor(), DriverExecutor())
NAMED = {
    "files": rows(File, hash=st.none()),  # equal hashes are not for rows that know no election
    "songs": rows(Song),
    "artists": rows(Artist),
    "albums": rows(Album),
    "works": rows(Work),
    "acoustid_cache": rows(AcoustidCache),
}


@contextmanager
def sending_by(library: Library, executor: Executor) -> Iterator[None]:
    """Let the library flush through the given executor."""
    flusher = library._flusher
    before, flusher._executor = flusher._executor, executor
    try:
        yield
    finally:
        flusher._executor = before


def outcomes(library: Library, run: Callable[[], object]) -> list[Rows]:
    """Run the same from the same start through each executor, and tell what is stored."""
    start = dump(library)
    told = []
    for executor in EXECUTORS:
        restore(library, start)
        with sending_by(library, executor):
            run()
        told.append(content(dump(library)))
    restore(library, start)
    return told


def test_the_fast_way_is_what_a_library_uses(library: Library) -> None:
    assert isinstance(library._flusher._executor, DriverExecutor)


def test_a_phase_that_does_everything_stores_the_same(library: Library) -> None:
    there = prepare(library)
    age(library)  # or what was made in this very second would seem not to have moved

    def run() -> None:
        with library.unit_of_work("everything") as work:
            accumulate(work, there)

    plain, fast = outcomes(library, run)
    assert fast == plain


def test_whole_recordings_store_the_same_at_first_and_again(library: Library) -> None:
    recordings = build_recordings(3, passages=40)

    def run() -> None:
        for again in (False, True):
            for one in recordings:
                with library.unit_of_work("recording") as work:
                    put_all(work, one.rows, again=again)

    plain, fast = outcomes(library, run)
    assert fast == plain
    assert len(fast["passages"]) == 3 * 40


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
@pytest.mark.parametrize("table", NAMED)
def test_rows_of_every_kind_store_the_same(
    library: Library, table: str, data: st.DataObject
) -> None:
    batches: list[list[dict[str, Any]]] = data.draw(
        st.lists(st.lists(NAMED[table], max_size=5), min_size=1, max_size=3)
    )

    def run() -> None:
        for batch in batches:
            with library.unit_of_work("rows") as work:
                getattr(work, table).put_many(batch)

    plain, fast = outcomes(library, run)
    assert fast == plain


def test_both_send_the_same_statements(library: Library) -> None:
    one = build_recordings(1)[0]
    start = dump(library)
    sent = []
    for executor in EXECUTORS:
        restore(library, start)
        with sending_by(library, executor), recording(library._writer.engine) as recorder:
            with library.unit_of_work("recording") as work:
                put_all(work, one.rows)
            sent.append([(e.verb, e.table, e.rows) for e in recorder.dml()])
    assert sent[0] == sent[1]
