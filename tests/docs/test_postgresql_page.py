"""The page for operators: its roles can do what it says, and no more."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from tests.docs.pages import DOCS
from tests.flush.recordings import mbid
from tests.support.sound import make_sound
from wkmp_orm import Library, Song
from wkmp_orm.errors import DatabaseUnavailableError, ReadOnlyDatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.postgres import PostgresServer

ROLES = ("wkmp_owner", "wkmp_import", "wkmp_reader")
PAGE = (DOCS / "postgresql.md").read_text()


def statements() -> list[str]:
    section = PAGE.split("## The database and its roles")[1].split("\n## ")[0]
    blocks: list[str] = re.findall(r"```sql\n(.*?)```", section, re.DOTALL)
    return blocks


def execute(url: str, script: str) -> None:
    conninfo = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg.connect(conninfo, autocommit=True)) as connection:
        for statement in script.split(";"):
            if statement.strip():
                connection.execute(statement)


@pytest.fixture
def database(postgres_server: PostgresServer) -> Iterator[str]:
    """Do what the page says to do, and give the URL of the new database."""
    in_any, in_new = statements()
    url = make_url(postgres_server.url).set(database="wkmp").render_as_string(hide_password=False)
    execute(postgres_server.url, in_any)
    try:
        execute(url, in_new)
        yield url
    finally:
        execute(postgres_server.url, "DROP DATABASE wkmp WITH (FORCE)")
        execute(postgres_server.url, f"DROP ROLE {', '.join(ROLES)}")


def as_role(url: str, role: str) -> str:
    return make_url(url).set(username=role).render_as_string(hide_password=False)


def test_each_role_of_the_page_can_do_what_it_is_for(database: str, music: Path) -> None:
    make_sound(music / "song.flac", seconds=0.2)
    owner, importer, reader = (as_role(database, role) for role in ROLES)
    with pytest.raises(ReadOnlyDatabaseError, match=r"permission denied .*GRANT the role"):
        Library.open(importer)
    Library.open(owner).close()  # which makes the tables, as `wkmp-orm db upgrade` does
    with Library.open(importer, root=music) as library:
        assert library.import_folder(workers=1).counts.imported == 1
        with library.unit_of_work("songs") as work:
            for number in range(300):
                work.songs.put(recording_mbid=mbid(2, number))
    with Library.open(reader, read_only=True) as library, library.reader() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Song)) == 300
    with pytest.raises(ReadOnlyDatabaseError, match=r"permission denied .*GRANT the role"):
        Library.open(reader)

    watching = PAGE.split("## Watch it")[1].split("```sql\n")[1].split("```")[0]
    execute(database, "REVOKE SELECT ON songs FROM wkmp_reader")
    with Library.open(reader, read_only=True) as library:
        conninfo = make_url(database).set(drivername="postgresql")
        with closing(psycopg.connect(conninfo.render_as_string())) as looking:
            found = looking.execute(watching.strip().rstrip(";")).fetchall()
        assert {row[0] for row in found} == {"wkmp_orm"}
        with (
            pytest.raises(DatabaseUnavailableError, match=r"denied for table songs.*GRANT"),
            library.reader() as session,
        ):
            session.scalar(sa.select(Song.guid))
