"""Why a file failed is stored in words for people, who read it with `wkmp-orm status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from tests.support.sound import make_sound
from wkmp_orm import Library
from wkmp_orm.models import ImportFailure
from wkmp_orm.orchestrator import import_folder

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Database


def test_a_row_that_the_database_refuses_is_no_call_to_commit_again(
    sqlite_database: Database, music: Path
) -> None:
    make_sound(music / "song.flac")
    with sqlite_database.open() as library:
        refuse = "BEGIN SELECT RAISE(ABORT, 'none of those'); END"
        with library.begin_monitored("a rule of somebody else's") as session:
            session.execute(sa.text(f"CREATE TRIGGER rule BEFORE INSERT ON passages {refuse}"))
        (failure,) = import_folder(library).failures
        assert stored_reasons(library) == [failure.reason]
    assert failure.reason.endswith(
        "refused the row: the database does not accept a value; nothing was written"
    )


def stored_reasons(library: Library) -> list[str]:
    with library.reader() as session:
        return list(session.scalars(sa.select(ImportFailure.reason)))
