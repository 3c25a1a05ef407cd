"""The models' promises: relations on demand, deletes that reach far enough, one winner."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import joinedload, selectinload

from tests.testing.one_of_each import key_of, one_of_each
from wkmp_orm import File, Library, Passage, Song
from wkmp_orm.errors import ConstraintViolationError
from wkmp_orm.models import (
    Base,
    DecodeStatus,
    FadeCurve,
    FileStatus,
    FlushLedger,
    ImportClaim,
    ImportSession,
    PassageStatus,
    SessionState,
    SongStatus,
    SourceType,
)
from wkmp_orm.models.file import UNKNOWN_HASHES
from wkmp_orm.models.import_session import FINAL_STATES
from wkmp_orm.models.tables import TABLES
from wkmp_orm.testing import (
    FileFactory,
    ImportSessionFactory,
    PassageFactory,
    populate,
    put_all,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from enum import StrEnum

    from sqlalchemy.orm import RelationshipProperty

MODELS = [info.model for info in TABLES.values()]
RELATIONSHIPS = [
    relationship
    for mapper in sorted(Base.registry.mappers, key=lambda mapper: mapper.class_.__name__)
    for relationship in mapper.relationships
]
HASH = "a" * 64

GONE_WITH = {
    "files": (
        "passages passage_songs passage_albums import_provenance import_failures import_claims"
    ),
    "passages": "passage_songs passage_albums import_provenance",
    "songs": "passage_songs song_artists song_works",
    "artists": "song_artists",
    "albums": "passage_albums",
    "works": "song_works",
    "import_sessions": "import_failures import_members",
    "import_members": "",
    "import_claims": "",
    "import_provenance": "",
    "import_failures": "",
    "acoustid_cache": "",
    "service_answers": "",
    "settings": "",
}
"""Each table, and those whose rows cannot be without one of its rows."""

FORGOTTEN_BY: dict[str, Any] = {
    "songs": Passage.song_id,
    "import_sessions": Passage.import_session_id,
    "works": Song.work_id,
    "import_members": ImportClaim.claimed_by,
}
"""Tables that are only referred to, with the column that does."""


def store_one_of_each(library: Library) -> dict[str, Any]:
    """Store one more row in every table, with every reference set; return the keys by table."""
    rows = one_of_each()
    with library.unit_of_work("testing") as work:
        put_all(work, rows)
    return {row.__tablename__: key_of(row)[0] for row in rows}


def counts(library: Library) -> dict[str, int]:
    """Count the rows of every table that a unit of work has."""
    with library.reader() as session:
        return {
            model.__tablename__: session.scalar(sa.select(sa.func.count()).select_from(model)) or 0
            for model in MODELS
            if model is not FlushLedger
        }


@pytest.mark.smoke
@pytest.mark.parametrize("relationship", RELATIONSHIPS, ids=str)
def test_no_relationship_is_loaded_by_accident(relationship: RelationshipProperty[Any]) -> None:
    assert relationship.lazy == "raise"


def test_a_relationship_that_was_not_asked_for_says_so(library: Library) -> None:
    store_one_of_each(library)
    with library.reader() as session:
        for relationship in RELATIONSHIPS:
            model = relationship.parent.class_
            row = session.scalars(sa.select(model)).one()
            with pytest.raises(InvalidRequestError, match="lazy='raise'"):
                getattr(row, relationship.key)


@pytest.mark.smoke
@pytest.mark.parametrize("load", [selectinload, joinedload])
def test_every_relationship_loads_when_it_is_asked_for(
    library: Library, load: Callable[[Any], Any]
) -> None:
    populate(library, 1, passages=4)
    for relationship in RELATIONSHIPS:
        model = relationship.parent.class_
        with library.reader() as session:
            query = sa.select(model).options(load(getattr(model, relationship.key)))
            rows = session.scalars(query).unique().all()
        related = [getattr(row, relationship.key) for row in rows]  # after the session was closed
        if relationship.uselist:
            related = [row for several in related for row in several]
        assert related, relationship
        assert all(isinstance(row, relationship.mapper.class_) for row in related)


def test_both_ends_of_a_link_meet(library: Library) -> None:
    populate(library, 1, passages=2, songs=1)
    with library.reader() as session:
        song = session.scalars(
            sa.select(Song).options(selectinload(Song.works), selectinload(Song.artists))
        ).one()
        passages = session.scalars(
            sa.select(Passage).options(
                joinedload(Passage.song), selectinload(Passage.albums), joinedload(Passage.file)
            )
        ).all()
    assert [work.guid for work in song.works] == [song.work_id]
    assert sum(link.weight for link in song.artists) == 1.0
    assert {passage.song for passage in passages} == {song}
    assert {passage.albums[0].title for passage in passages} == {passages[0].file.album}


def test_what_cannot_be_without_a_deleted_row_goes_with_it(library: Library) -> None:
    for table, gone in GONE_WITH.items():
        keys = store_one_of_each(library)
        before = counts(library)
        with library.unit_of_work("testing") as work:
            getattr(work, table).delete(keys[table])
        lost = Counter(before)
        lost.subtract(counts(library))
        assert +lost == Counter([table, *gone.split()])


def test_what_only_refers_to_a_deleted_row_forgets_it(library: Library) -> None:
    for table, column in FORGOTTEN_BY.items():
        keys = store_one_of_each(library)
        key_column = column.class_.guid
        of_this_one = sa.select(column).where(key_column == keys[column.class_.__tablename__])
        with library.reader() as session:
            assert session.scalars(of_this_one).all() == [keys[table]]
        with library.unit_of_work("testing") as work:
            getattr(work, table).delete(keys[table])
        with library.reader() as session:
            assert session.scalars(of_this_one).all() == [None]


def test_among_equal_files_there_is_one_original(library: Library) -> None:
    with library.unit_of_work("testing") as work:
        work.files.add(FileFactory.build(hash=HASH))
        work.files.add(FileFactory.build(hash=HASH, status=FileStatus.DUPLICATE_HASH))
    second = library.unit_of_work("testing")
    handle = second.files.add(FileFactory.build(hash=HASH))
    with pytest.raises(ConstraintViolationError) as refused:
        second.commit()
    assert refused.value.handle is handle
    assert refused.value.constraint == "uq_files__original_hash"
    handle.set(status=FileStatus.DUPLICATE_HASH)
    second.commit()


def test_files_of_unknown_hash_are_no_copies_of_each_other(library: Library) -> None:
    with library.unit_of_work("testing") as work:
        for unknown in UNKNOWN_HASHES:
            work.files.add_many(FileFactory.build_batch(3, hash=unknown))
    assert counts(library)["files"] == 6


def test_a_second_session_that_runs_is_refused_until_the_first_has_ended(
    library: Library,
) -> None:
    first = ImportSessionFactory.build(running=True)
    with library.unit_of_work("testing") as work:
        work.import_sessions.add(first)
    second = library.unit_of_work("testing")
    second.import_sessions.add(ImportSessionFactory.build(state=SessionState.SCANNING))
    with pytest.raises(ConstraintViolationError) as refused:
        second.commit()
    assert refused.value.constraint == "uq_import_sessions__running"
    with library.unit_of_work("testing") as work:
        work.import_sessions.update(first.session_id, state=SessionState.COMPLETED)
    second.commit()


def test_every_state_but_the_final_ones_counts_as_running(library: Library) -> None:
    with library.unit_of_work("testing") as work:
        work.import_sessions.add(ImportSessionFactory.build(running=True))
    for state in SessionState:
        another = library.unit_of_work("testing")
        another.import_sessions.add(ImportSessionFactory.build(state=state))
        if state in FINAL_STATES:
            another.commit()
        else:
            with pytest.raises(ConstraintViolationError):
                another.commit()
    assert counts(library)["import_sessions"] == 1 + len(FINAL_STATES)


@pytest.mark.parametrize(
    "words",
    [FileStatus, PassageStatus, SongStatus, SessionState, DecodeStatus, FadeCurve, SourceType],
    ids=lambda words: words.__name__,
)
def test_no_member_of_a_list_needs_quoting_in_sql_or_json(words: type[StrEnum]) -> None:
    assert all(word.value.replace("_", " ").replace(" ", "").isalpha() for word in words)


def test_a_row_is_shown_by_its_key() -> None:
    assert repr(File(guid="7")) == "<File guid='7'>"
    assert repr(PassageFactory.build()) == "<Passage guid='00000002-0000-7000-8000-000000000001'>"
    assert repr(ImportSession()) == "<ImportSession session_id=None>"
