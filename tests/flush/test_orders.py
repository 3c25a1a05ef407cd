"""What a phase says of one row several times happens in the order in which it was said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.flush.recordings import LONG_AGO, SECOND, add_file, mbid
from tests.flush.stored import row_of
from wkmp_orm import File
from wkmp_orm.errors import ConditionNotMetError, RowNotFoundError
from wkmp_orm.models import FileStatus

if TYPE_CHECKING:
    from wkmp_orm import Library

PATHS = ("a.flac", "b.flac")
COLUMNS = ("title", "artist", "album")
WORDS = st.sampled_from([None, "x", "y"])

orders = st.lists(
    st.tuples(
        st.sampled_from(PATHS),
        st.dictionaries(st.sampled_from(COLUMNS), WORDS, min_size=1),
        st.dictionaries(st.sampled_from(COLUMNS), WORDS | st.lists(WORDS), max_size=1),
    ),
    max_size=8,
)


def holds(row: dict[str, Any], where: dict[str, Any]) -> bool:
    return all(
        row[name] in wanted if isinstance(wanted, list) else row[name] == wanted
        for name, wanted in where.items()
    )


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(before=st.lists(WORDS, min_size=3, max_size=3), orders=orders)
def test_updates_are_carried_out_one_after_the_other(
    library: Library, before: list[str | None], orders: list[Any]
) -> None:
    with library._writer.engine.begin() as connection:
        connection.execute(sa.delete(File))
    row: dict[str, Any] = dict(zip(COLUMNS, before, strict=True))
    with library.unit_of_work("before") as work:
        files = {p: work.files.add(**row, path=p, modification_time=LONG_AGO) for p in PATHS}
    guids = {path: file.guid for path, file in files.items()}
    model = {path: dict(row) for path in PATHS}
    with library.unit_of_work("orders") as work:
        outcomes = []
        for path, values, where in orders:
            matches = holds(model[path], where)
            if matches:
                model[path] |= values
            outcome = work.files.update(guids[path], where=where, required=False, **values)
            outcomes.append((outcome, matches))
    for path, expected in model.items():
        assert row_of(library, "files", guids[path]).items() >= expected.items()
    assert [outcome.matched for outcome, _ in outcomes] == [matches for _, matches in outcomes]


def test_an_update_to_the_stored_value_undoes_an_earlier_update(library: Library) -> None:
    file = add_file(library)
    with library.unit_of_work("scanning") as work:
        work.files.update(file, status=FileStatus.PROCESSING)
        work.files.update(file, status=FileStatus.PENDING)
    assert row_of(library, "files", file)["status"] is FileStatus.PENDING


def test_an_update_to_the_stored_value_undoes_an_earlier_put(library: Library) -> None:
    with library.unit_of_work("matching") as work:
        song = work.songs.put(recording_mbid=mbid(2, 1))
    with library.unit_of_work("matching") as work:
        again = work.songs.put(recording_mbid=mbid(2, 1), title="Sinnerman")
        work.songs.update(again, title=None)
    assert row_of(library, "songs", song.guid)["title"] is None


@pytest.mark.smoke
def test_updates_of_a_put_row_follow_the_put(library: Library) -> None:
    with library.unit_of_work("matching") as work:
        song = work.songs.put(recording_mbid=mbid(2, 1), title="Sinnerman", lyrics="Oh")
        work.songs.update(song, lyrics=None)
    row = row_of(library, "songs", song.guid)
    assert (row["title"], row["lyrics"]) == ("Sinnerman", None)


def test_a_row_that_is_deleted_and_put_is_made_anew(library: Library) -> None:
    file = add_file(library)
    with library.unit_of_work("segmentation") as work:
        old = work.passages.put(file_id=file, end_time_ticks=SECOND, user_title="mine")
        song = work.songs.put(recording_mbid=mbid(2, 1))
        work.passage_songs.link(old, song, start_time_ticks=0, end_time_ticks=1)
    with library.unit_of_work("segmentation") as work:
        work.passages.delete(old.guid)
        new = work.passages.put(file_id=file, end_time_ticks=SECOND, title="Sinnerman")
        work.passage_songs.link(new, song.guid, start_time_ticks=0, end_time_ticks=2)
    row = row_of(library, "passages", new.guid)
    assert (row["title"], row["user_title"]) == ("Sinnerman", None)
    assert new.guid != old.guid
    with pytest.raises(KeyError):
        row_of(library, "passages", old.guid)
    assert row_of(library, "passage_songs", new.guid)["end_time_ticks"] == 2


def test_a_link_named_by_handles_and_by_guids_is_one_link(library: Library) -> None:
    file = add_file(library)
    with library.unit_of_work("matching") as work:
        song = work.songs.put(recording_mbid=mbid(2, 1))
    with library.unit_of_work("recording") as work:
        passage = work.passages.add(file_id=file, end_time_ticks=SECOND)
        again = work.songs.put(recording_mbid=mbid(2, 1))
        work.passage_songs.link(passage, again, start_time_ticks=0, end_time_ticks=1)
        work.passage_songs.link(passage.guid, again, start_time_ticks=0, end_time_ticks=2)
        work.passage_songs.link(passage, song.guid, start_time_ticks=0, end_time_ticks=3)
    assert row_of(library, "passage_songs", passage.guid)["end_time_ticks"] == 3
    assert work.report is not None
    assert str(work.report.rows["passage_songs"]) == "1 inserted, 2 updated"


def test_a_condition_may_name_a_row_of_the_same_phase(library: Library) -> None:
    file = add_file(library)
    with library.unit_of_work("recording") as work:
        song = work.songs.put(recording_mbid=mbid(2, 1))
        passage = work.passages.put(file_id=file, end_time_ticks=SECOND, song_id=song)
        work.passages.update(passage, where={"song_id": [song, None]}, title="Sinnerman")
        work.passages.update(passage, where={"song_id": song}, artist="Nina Simone")
    row = row_of(library, "passages", passage.guid)
    assert (row["title"], row["artist"]) == ("Sinnerman", "Nina Simone")


def test_a_condition_that_the_phase_itself_undoes_is_not_met(library: Library) -> None:
    file = add_file(library)
    work = library.unit_of_work("scanning")
    for _ in range(2):
        work.files.update(file, where={"status": FileStatus.PENDING}, status=FileStatus.PROCESSING)
    with pytest.raises(ConditionNotMetError, match="what the same unit of work says") as caught:
        work.commit()
    assert (caught.value.table, caught.value.key) == ("files", file)
    assert row_of(library, "files", file)["status"] is FileStatus.PENDING


def test_a_row_may_be_deleted_twice(library: Library) -> None:
    file = add_file(library)
    with library.unit_of_work("cleaning") as work:
        outcomes = [work.files.delete(file), work.files.delete(file)]
    assert [outcome.matched for outcome in outcomes] == [True, True]
    with pytest.raises(KeyError):
        row_of(library, "files", file)


@pytest.mark.parametrize("verb", ["update", "delete"])
def test_an_order_about_a_row_that_is_not_there_names_it_and_sends_nothing(
    library: Library, verb: str
) -> None:
    file = add_file(library)
    work = library.unit_of_work("cleaning")
    work.files.update(file, status=FileStatus.PROCESSING)
    order = getattr(work.files, verb)
    order(mbid(9, 9), **({"year": 1965} if verb == "update" else {}))
    with pytest.raises(RowNotFoundError, match=f"{verb} of files {mbid(9, 9)}"):
        work.commit()
    assert row_of(library, "files", file)["status"] is FileStatus.PENDING
