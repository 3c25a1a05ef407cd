"""Which importer has which file of a PostgreSQL: statement by statement."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from wkmp_orm import File, Library, new_guid
from wkmp_orm.errors import ConditionNotMetError
from wkmp_orm.models import ClaimKind, FileStatus, MemberRole
from wkmp_orm.phases import claims, members, start_session
from wkmp_orm.phases.claims import WaitingClaim

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database

LEASE_S = 1_000


@pytest.fixture
def library(postgresql_database: Database) -> Iterator[Library]:
    with postgresql_database.open() as opened:
        yield opened


@pytest.fixture
def session_id(library: Library) -> str:
    return start_session(library, "/music", {})


class Member:
    """An importer, as its statements see it."""

    def __init__(
        self, library: Library, session_id: str, role: MemberRole = MemberRole.HELPER
    ) -> None:
        self.library = library
        self.guid = new_guid()
        self.session_id = session_id
        self._claims = 0
        with library.begin_monitored("testing") as session:
            members.enrol(
                session.connection(),
                self.guid,
                session_id=session_id,
                host="here",
                process_id=1,
                role=role,
                workers=2,
                lease_s=LEASE_S,
            )

    def claim(self, most: int, *, from_end: bool = False, flavors: bool = True) -> list[str]:
        """Claim files, and return their names."""
        self._claims += 1
        with self.library.unit_of_work("testing") as work:
            claims.claim(
                work,
                self.guid,
                number=self._claims,
                most=most,
                from_end=from_end,
                flavors=flavors,
            )
        found = claims.claimed_files(self.library, self.guid, self._claims)
        return [row.path.removesuffix(".flac") for row in found]

    def dies(self) -> None:
        """Let its lease be over."""
        with self.library.begin_monitored("testing") as session:
            late = sa.text(
                "UPDATE import_members SET lease_s = -1000000000 WHERE member_id = :guid"
            )
            session.execute(late, {"guid": self.guid})

    def settle(self, done: list[str], copies: list[str]) -> None:
        """Be through with files."""
        with self.library.unit_of_work("testing") as work:
            claims.settle(work, self.guid, done, copies)

    def write(self, guid: str, artist: str) -> None:
        """Write to a file's row what an importer may write that has it."""
        with self.library.unit_of_work("testing") as work:
            work.files.update(guid, artist=artist)
            claims.refuse_unless_mine(work, self.guid, guid)


@pytest.fixture
def files(library: Library) -> list[str]:
    """Let ten files wait, called 0 to 9, and return their guids."""
    with library.unit_of_work("testing") as work:
        handles = work.files.add_many(
            {
                "path": f"{number}.flac",
                "modification_time": datetime(2026, 1, 1, tzinfo=UTC),
                "file_size_bytes": 1,
            }
            for number in range(10)
        )
    guids = [handle.guid for handle in handles]
    let_wait(library, guids)
    return guids


def let_wait(library: Library, guids: list[str], kind: ClaimKind = ClaimKind.NEW) -> None:
    with library.unit_of_work("testing") as work:
        claims.let_wait(work, [WaitingClaim(guid, n, kind) for n, guid in enumerate(guids)])


def take_back(library: Library) -> int | None:
    with library.unit_of_work("testing") as work:
        pending = claims.take_back(work)
    return pending.matched


def artist_of(library: Library, guid: str) -> str | None:
    with library.reader() as session:
        return session.scalar(sa.select(File.artist).where(File.guid == guid))


def test_files_are_claimed_in_their_order_and_each_by_one_importer(
    library: Library, session_id: str, files: list[str]
) -> None:
    one, other = Member(library, session_id), Member(library, session_id)
    assert one.claim(4) == ["0", "1", "2", "3"]
    assert other.claim(4) == ["4", "5", "6", "7"]
    assert one.claim(1, from_end=True) == ["9"]
    assert other.claim(4) == ["8"]
    assert one.claim(4) == []


def test_files_that_wait_already_stay_as_they_are(
    library: Library, session_id: str, files: list[str]
) -> None:
    one = Member(library, session_id)
    assert one.claim(10) == [str(number) for number in range(10)]
    let_wait(library, files)
    assert one.claim(10) == []


def test_what_only_lacks_flavor_is_not_given_to_an_importer_that_can_ask_nobody(
    library: Library, session_id: str, files: list[str]
) -> None:
    one = Member(library, session_id)
    one.settle([], [])
    with library.begin_monitored("testing") as session:
        session.execute(sa.text("UPDATE import_claims SET kind = 'unflavored' WHERE position > 0"))
    assert one.claim(10, flavors=False) == ["0"]
    assert not claims.outlook(library, session_id, flavors=False).is_free
    assert claims.outlook(library, session_id, flavors=True).is_free
    assert len(one.claim(10)) == 9


def test_the_files_of_an_importer_whose_lease_is_over_wait_again(
    library: Library, session_id: str, files: list[str]
) -> None:
    one, other = Member(library, session_id), Member(library, session_id)
    one.claim(3)
    assert take_back(library) == 0
    one.dies()
    assert claims.outlook(library, session_id, flavors=True).can_take_over
    assert take_back(library) == 3
    assert other.claim(10) == [str(number) for number in range(10)]
    assert not claims.is_mine(library, one.guid, files[0])
    assert claims.is_mine(library, other.guid, files[0])


def test_what_a_late_importer_writes_and_settles_of_a_file_of_anothers_has_no_effect(
    library: Library, session_id: str, files: list[str]
) -> None:
    one, other = Member(library, session_id), Member(library, session_id)
    one.claim(1)
    one.write(files[0], "first")
    one.dies()
    take_back(library)
    with pytest.raises(ConditionNotMetError):
        one.write(files[0], "while nobody has it")
    other.claim(1)
    other.write(files[0], "second")
    with pytest.raises(ConditionNotMetError):
        one.write(files[0], "late")
    one.settle(files[:1], [])
    assert artist_of(library, files[0]) == "second"
    assert claims.is_mine(library, other.guid, files[0])


def test_a_file_about_which_somebody_writes_is_not_taken_over_meanwhile(
    library: Library, session_id: str, files: list[str]
) -> None:
    one, other = Member(library, session_id), Member(library, session_id)
    one.claim(1)
    one.dies()
    taken: list[list[str]] = []
    with library.begin_monitored("testing") as session:
        session.execute(claims._IS_MINE, {"me": one.guid, "of_file": files[0]})
        taken.append(other.claim(2))
    assert taken == [["1", "2"]]


def test_an_importer_that_leaves_gives_its_files_back_as_if_it_had_never_had_them(
    library: Library, session_id: str, files: list[str]
) -> None:
    one, other = Member(library, session_id), Member(library, session_id)
    one.claim(10)
    one.settle(files[:8], [])
    with library.unit_of_work("testing") as work:
        claims.give_back(work, one.guid)
    other.claim(10)
    found = claims.claimed_files(library, other.guid, 1)
    assert [(row.path, row.owners) for row in found] == [("8.flac", 1), ("9.flac", 1)]


def test_a_file_with_which_two_importers_ended_comes_alone(
    library: Library, session_id: str, files: list[str]
) -> None:
    for _ in range(claims.ALONE_AFTER):
        poor = Member(library, session_id)
        assert poor.claim(3) == ["0", "1", "2"]
        poor.dies()
        take_back(library)
    one = Member(library, session_id)
    assert one.claim(3) == ["0", "3", "4", "5"]
    found = {row.path: row.owners for row in claims.claimed_files(library, one.guid, 1)}
    assert found["0.flac"] == claims.MOST_OWNERS


def test_copies_wait_only_when_they_have_become_originals(
    library: Library, session_id: str, files: list[str]
) -> None:
    one, other = Member(library, session_id), Member(library, session_id)
    one.claim(10)
    one.settle(files[2:], files[:2])
    with library.begin_monitored("testing") as session:
        session.execute(
            sa.update(File).where(File.guid == files[0]).values(status=FileStatus.DUPLICATE_HASH)
        )
    assert not claims.outlook(library, session_id, flavors=True).is_left
    assert [each.is_mine for each in claims.promoted_copies(library, other.guid)] == [False]
    (copy,) = claims.promoted_copies(library, one.guid)
    assert (copy.guid, copy.is_mine) == (files[1], True)
    with library.unit_of_work("testing") as work:
        claims.let_copies_wait(work, [copy])
    assert other.claim(10) == ["1"]


def test_an_import_is_led_as_long_as_its_leader_answers_and_has_not_left(
    library: Library, session_id: str
) -> None:
    leader = Member(library, session_id, MemberRole.LEADER)
    helper = Member(library, session_id)
    assert claims.outlook(library, session_id, flavors=True).is_led
    leader.dies()
    assert not claims.outlook(library, session_id, flavors=True).is_led
    with library.begin_monitored("testing") as session:
        members.become_leader(session.connection(), helper.guid, session_id)
    assert claims.outlook(library, session_id, flavors=True).is_led
    with library.begin_monitored("testing") as session:
        members.leave(session.connection(), helper.guid, {})
    assert not claims.outlook(library, session_id, flavors=True).is_led


def test_the_importers_of_a_session_tell_what_they_did_together(
    library: Library, session_id: str
) -> None:
    leader, helper, gone = (
        Member(library, session_id, role)
        for role in (MemberRole.LEADER, MemberRole.HELPER, MemberRole.HELPER)
    )
    with library.begin_monitored("testing") as session:
        connection = session.connection()
        members.beat(connection, leader.guid, {"imported": 3, "failed": 1})
        members.beat(connection, helper.guid, {"imported": 4, "duplicates": 2})
        members.leave(connection, gone.guid, {"no_audio": 5})
        together = members.progress_together(connection, session_id)
        assert not members.beat(connection, new_guid(), {})
    assert together is not None
    assert (together.importers, together.leader) == (2, "process 1 on here")
    assert (together.imported, together.done) == (7, 15)
    with library.reader() as session:
        found = members.importers_of(session, [session_id])
    assert [each.role for each in found] == ["leader", "helper", "helper"]
    assert [each.is_alive for each in found] == [True, True, False]
