"""New databases, one of each kind, and the release after this one."""

from __future__ import annotations

import itertools
import shutil
from typing import TYPE_CHECKING, Final

import pytest
from alembic import command

from wkmp_orm.core.engine.factory import create_writer_engine
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.schema import alembic_config, head_revision, migration_transaction, scripts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import sqlalchemy as sa

    from tests.support.postgres import PostgresServer

_numbers: Final = itertools.count()

NEXT_RELEASE: Final = """
import sqlalchemy as sa
from alembic import op

revision = "a_later_one"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("files") as files:
        files.add_column(sa.Column("loudness", sa.Double()))
        files.create_check_constraint(op.f("ck_files__loudness_negative"), "loudness < 0")
    {more}


def downgrade():
    with op.batch_alter_table("files") as files:
        files.drop_constraint(op.f("ck_files__loudness_negative"), type_="check")
        files.drop_column("loudness")
"""


@pytest.fixture
def sqlite_target(tmp_path: Path) -> DatabaseTarget:
    """Give a file that does not exist yet."""
    return DatabaseTarget.parse(tmp_path / "wkmp.db")


@pytest.fixture
def postgresql_target(postgres_server: PostgresServer) -> Iterator[DatabaseTarget]:
    """Give an empty database."""
    name = f"migrations_{next(_numbers)}"
    yield DatabaseTarget.parse(postgres_server.create_database(name))
    postgres_server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest) -> DatabaseTarget:
    """Give both, one after the other."""
    given: DatabaseTarget = request.getfixturevalue(f"{request.param}_target")
    return given


@pytest.fixture
def engine(target: DatabaseTarget) -> Iterator[sa.Engine]:
    """Give the writer engine of `target`."""
    engine = create_writer_engine(target)
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite_engine(sqlite_target: DatabaseTarget) -> Iterator[sa.Engine]:
    """Give the writer engine of `sqlite_target`."""
    engine = create_writer_engine(sqlite_target)
    yield engine
    engine.dispose()


@pytest.fixture
def postgresql_engine(postgresql_target: DatabaseTarget) -> Iterator[sa.Engine]:
    """Give the writer engine of `postgresql_target`."""
    engine = create_writer_engine(postgresql_target)
    yield engine
    engine.dispose()


@pytest.fixture
def install_next_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., None]]:
    """Give a function that puts a later revision, which rebuilds `files`, after the newest one."""

    def install(more: str = "pass") -> None:
        release = tmp_path / "next-release"
        here = scripts.scripts_folder()
        shutil.copytree(here / "migrations", release / "migrations")
        shutil.copy(here / "alembic.ini", release)
        revision = NEXT_RELEASE.format(head=head_revision(), more=more)
        (release / "migrations" / "versions" / "2099_01_01_later.py").write_text(revision)
        monkeypatch.setattr(scripts, "scripts_folder", lambda: release)
        scripts.known_revisions.cache_clear()

    yield install
    monkeypatch.undo()
    scripts.known_revisions.cache_clear()


@pytest.fixture
def downgrade_to(target: DatabaseTarget, engine: sa.Engine) -> Callable[[str], None]:
    """Give a function that takes `target` back to an earlier revision."""

    def downgrade(revision: str) -> None:
        with migration_transaction(target, engine) as connection:
            config = alembic_config()
            config.attributes["connection"] = connection
            command.downgrade(config, revision)

    return downgrade
