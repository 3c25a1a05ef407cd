"""An alembic environment as the program's author keeps it: `env.py`, a template, two revisions."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
VERSION_TABLE: Final = "radio_version"

ENV: Final = """
import os

from alembic import context

from tests.own_tables.models import Base
from wkmp_orm.schema import include_name, migration_connection, render_item

with migration_connection(os.environ["RADIO_DATABASE"]) as connection:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        version_table="radio_version",
        include_name=include_name,
        render_item=render_item,
        render_as_batch=True,
        transactional_ddl=True,
    )
    context.run_migrations()
"""

TEMPLATE: Final = """
import sqlalchemy as sa
from alembic import op
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
"""

FIRST: Final = """
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "first"
down_revision = None
GUID = sa.Text().with_variant(postgresql.UUID(as_uuid=False), "postgresql")


def upgrade():
    op.create_table(
        "plays",
        sa.Column("guid", GUID, primary_key=True),
        sa.Column("song_id", GUID, sa.ForeignKey("songs.guid", ondelete="CASCADE")),
        sa.Column("count", sa.Integer, nullable=False),
    )
    op.create_table(
        "play_days",
        sa.Column("play_id", GUID, sa.ForeignKey("plays.guid", ondelete="CASCADE")),
        sa.Column("day", sa.Text),
    )


def downgrade():
    op.drop_table("play_days")
    op.drop_table("plays")
"""

SECOND: Final = """
import sqlalchemy as sa
from alembic import op

revision = "second"
down_revision = "first"


def upgrade():
    with op.batch_alter_table("plays") as plays:
        plays.add_column(sa.Column("skipped", sa.Integer, nullable=False, server_default="0"))
        plays.create_check_constraint("ck_plays_count", "count >= 0")


def downgrade():
    with op.batch_alter_table("plays") as plays:
        plays.drop_constraint("ck_plays_count", type_="check")
        plays.drop_column("skipped")
"""


def environment(folder: Path, *revisions: str, env: str = ENV) -> Path:
    """Write an environment with these revisions, and return the folder of its scripts."""
    scripts = folder / "radio"
    (scripts / "versions").mkdir(parents=True)
    (scripts / "env.py").write_text(env)
    (scripts / "script.py.mako").write_text(TEMPLATE)
    (folder / "alembic.ini").write_text(
        "[alembic]\nscript_location = %(here)s/radio\npath_separator = os\n"
    )
    for number, revision in enumerate(revisions, 1):
        add_revision(scripts, f"{number}", revision)
    return scripts


def add_revision(scripts: Path, name: str, text: str) -> None:
    """Put a revision beside the others."""
    (scripts / "versions" / f"{name}.py").write_text(text)
