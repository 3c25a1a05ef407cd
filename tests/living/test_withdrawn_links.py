"""Credits and works that files do not say any more give way to what others say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tests.living.test_corrected_tags import RIGHT, credits_of, retag, tagged
from tests.living.test_withdrawn_words import gone
from tests.phases.importing import add_file, mbid, race, record, set_columns, stored
from tests.phases.recordings import recording
from wkmp_orm import Artist, Passage, Phase, Song, Work
from wkmp_orm.models import FileStatus, SongArtist, SongWork
from wkmp_orm.phases import RecordedPassage, in_unit_of_work, mark_missing, stored_files
from wkmp_orm.phases import Work as RecordedWork
from wkmp_orm.phases.missing import unmark_missing

if TYPE_CHECKING:
    from wkmp_orm import Library


def said(
    *others: str, works: tuple[tuple[int, str], ...] = (), song: int = 1, by_tags: bool = True
) -> RecordedPassage:
    """Make the passage of a file that credits these beside the Beatles and records these works.

    Names of one length have one id.
    """
    passage = tagged(**RIGHT, others=others, song=song, by_tags=by_tags)
    assert passage.song is not None
    recorded = tuple(RecordedWork(mbid(number), title) for number, title in works)
    return replace(passage, song=replace(passage.song, works=recorded))


def two(library: Library, one: RecordedPassage, other: RecordedPassage) -> tuple[str, str]:
    """Record two files."""
    files = add_file(library, "1.flac"), add_file(library, "2.flac")
    for file, passage in zip(files, (one, other), strict=True):
        record(library, file, passage)
    return files


def names(library: Library) -> dict[str, float]:
    return dict(credits_of(library))


def works_of(library: Library, song: int = 1) -> list[str]:
    """Read which works a song records; `songs.work_id` must name one of them."""
    query = (
        sa.select(Work.title, Work.guid, Song.work_id)
        .join(SongWork, SongWork.work_id == Work.guid)
        .join(Song, Song.guid == SongWork.song_id)
        .where(Song.recording_mbid == mbid(song))
        .order_by(Work.title)
    )
    with library.reader() as session:
        rows = session.execute(query).all()
    assert not rows or rows[0].work_id in [row.guid for row in rows]
    return [row.title for row in rows]


def uncredit(library: Library, name: str) -> None:
    """Take an artist out of the song's credit, as a user does: the others share it."""
    its = sa.select(Artist.guid).where(Artist.name == name).scalar_subquery()
    with library.begin_monitored("a user") as session:
        session.execute(sa.delete(SongArtist).where(SongArtist.artist_id == its))
        number = session.scalar(sa.select(sa.func.count()).select_from(SongArtist)) or 1
        session.execute(sa.update(SongArtist).values(weight=1.0 / number))


DUO = {"Beatles": 0.5, "Billy": 0.5}
ALONE = {"Beatles": 1.0}
OLD, NEW = (7, "Old"), (8, "New")


def test_a_credit_that_only_a_missing_file_said_gives_way_with_its_shares(
    library: Library,
) -> None:
    first, _ = two(library, said("Billy"), said())
    assert names(library) == DUO
    gone(library, first)
    assert names(library) == ALONE


def test_a_credit_that_another_file_says_too_stays(library: Library) -> None:
    first, _ = two(library, said("Billy"), said("Billy"))
    record(library, add_file(library, "3.flac"), said())
    gone(library, first)
    assert names(library) == DUO


def test_a_credit_of_a_file_that_has_another_recording_now_gives_way(library: Library) -> None:
    first, _ = two(library, said("Billy"), said())
    assert retag(library, first, said("Billy", song=5)) == 2
    assert sorted(credits_of(library)) == [("Beatles", 0.5), ("Beatles", 1.0), ("Billy", 0.5)]


def test_a_credit_that_a_service_said_stays_when_its_file_is_missing(library: Library) -> None:
    first, _ = two(library, said("Billy", by_tags=False), said())
    gone(library, first)
    assert names(library) == DUO


def test_a_credit_that_a_user_changed_stays(library: Library) -> None:
    first, _ = two(library, said("Billy", "George"), said())
    uncredit(library, "George")
    gone(library, first)
    assert names(library) == DUO


def test_a_song_that_only_missing_files_credit_takes_the_credit_of_the_next_file(
    library: Library,
) -> None:
    first = add_file(library, "1.flac")
    record(library, first, said("Billy"))
    gone(library, first)
    assert names(library) == DUO
    assert record(library, add_file(library, "2.flac"), said("Paul", "George")).corrected == 2
    assert names(library) == dict.fromkeys(("Beatles", "George", "Paul"), pytest.approx(1 / 3))


@pytest.mark.parametrize("is_deleted", [True, False])
def test_a_credit_that_no_missing_file_said_stays_for_it_may_be_a_user_s(
    library: Library, *, is_deleted: bool
) -> None:
    first = add_file(library, "1.flac")
    record(library, first, said("Billy", works=(OLD,)))
    uncredit(library, "Billy")
    gone(library, first)
    if is_deleted:
        with library.begin_monitored("prune") as session:
            session.execute(sa.delete(Passage))
    record(library, add_file(library, "2.flac"), said("Paul", "George", works=(NEW,)))
    assert names(library) == ALONE
    assert works_of(library) == (["New", "Old"] if is_deleted else ["New"])


def test_a_work_that_the_file_s_new_tags_do_not_name_gives_way(library: Library) -> None:
    file = add_file(library)
    record(library, file, said(works=(OLD, (9, "Both"))))
    assert retag(library, file, said(works=(NEW, (9, "Both")))) == 1
    assert works_of(library) == ["Both", "New"]
    assert retag(library, file, said(works=(NEW, (9, "Both")))) == 0


def test_a_work_that_another_file_names_too_stays_until_that_one_is_corrected(
    library: Library,
) -> None:
    files = two(library, said(works=(OLD,)), said(works=(OLD,)))
    assert retag(library, files[0], said(works=(NEW,))) == 0
    assert works_of(library) == ["New", "Old"]
    assert retag(library, files[1], said(works=(NEW,))) == 1
    assert works_of(library) == ["New"]


def test_of_two_files_whose_works_are_corrected_at_once_the_later_one_sees_the_other(
    library: Library,
) -> None:
    files = two(library, said(works=(OLD,)), said(works=(OLD,)))
    for file in files:
        set_columns(library, "files", file, status=FileStatus.PENDING)
    race(library, Phase.RECORDING, *(recording(file, said(works=(NEW,))) for file in files))
    assert works_of(library) == ["New"]


def test_a_work_that_only_a_missing_file_named_gives_way_to_those_that_others_name(
    library: Library,
) -> None:
    first, _ = two(library, said(works=(OLD,)), said(works=(NEW,)))
    assert works_of(library) == ["New", "Old"]
    gone(library, first)
    assert works_of(library) == ["New"]


@pytest.mark.parametrize(
    "other",
    [said(), said(works=(OLD, NEW))],
    ids=["nobody names another one", "another file names it too"],
)
def test_a_work_of_a_missing_file_stays_where(library: Library, other: RecordedPassage) -> None:
    first, _ = two(library, said(works=(OLD,)), other)
    gone(library, first)
    assert "Old" in works_of(library)


def test_works_that_a_service_named_stay(library: Library) -> None:
    first, _ = two(library, said(works=(OLD,), by_tags=False), said(works=(NEW,)))
    gone(library, first)
    assert works_of(library) == ["New", "Old"]


def test_a_passage_that_kept_no_works_may_have_named_any(library: Library) -> None:
    first, other = two(library, said(works=(OLD,)), said(works=(OLD,)))
    ((metadata,),) = stored(library, Passage.import_metadata)[:1]
    older: dict[str, Any] = {"said": {**metadata["said"]}}
    del older["said"]["works"]
    with library.begin_monitored("an older version") as session:
        session.execute(
            sa.update(Passage).where(Passage.file_id == other).values(import_metadata=older)
        )
    assert retag(library, first, said(works=(NEW,))) == 0
    assert works_of(library) == ["New", "Old"]


def test_a_song_that_only_missing_files_speak_of_records_the_works_of_the_next_file(
    library: Library,
) -> None:
    first = add_file(library, "1.flac")
    record(library, first, said(works=(OLD,)))
    gone(library, first)
    assert works_of(library) == ["Old"]
    assert record(library, add_file(library, "2.flac"), said(works=(NEW,))).corrected == 1
    assert works_of(library) == ["New"]


def test_the_title_of_a_work_is_corrected_and_withdrawn_as_that_of_a_song(
    library: Library,
) -> None:
    first, _ = two(library, said(works=((7, "Odl"),)), said(works=((7, "Older"),)))
    assert works_of(library) == ["Odl"]
    # It is counted with the song's title, which is all that tags have of it.
    assert retag(library, first, said(works=((7, "Old"),))) == 0
    assert works_of(library) == ["Old"]
    gone(library, first)
    assert works_of(library) == ["Older"]


def back(library: Library, file: str) -> None:
    """Let an import find that a file is there again."""
    in_unit_of_work(library, Phase.SCANNING, lambda work: unmark_missing(work, [file]))


def test_a_file_that_is_back_has_its_song_record_its_works_beside_those_of_others(
    library: Library,
) -> None:
    file = add_file(library, "1.flac")
    record(library, file, said(works=((7, "Seventh"),)))
    gone(library, file)
    record(library, add_file(library, "2.flac"), said(works=((8, "Eighth"),)))
    assert works_of(library) == ["Eighth"]
    back(library, file)
    assert works_of(library) == ["Eighth", "Seventh"]


def test_a_file_that_is_back_replaces_the_works_that_only_a_missing_one_named(
    library: Library,
) -> None:
    one, other = two(library, said(works=((7, "Seventh"),)), said(works=((8, "Eighth"),)))
    rows = [row for row in stored_files(library) if row.guid in {one, other}]
    in_unit_of_work(library, Phase.SCANNING, lambda work: mark_missing(work, rows))
    assert works_of(library) == ["Eighth", "Seventh"]
    back(library, other)
    assert works_of(library) == ["Eighth"]
