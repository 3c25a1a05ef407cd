"""The shop's own history of migrations, and that of a neighbour with a table in its database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wkmp_orm.core.schema.migrations import Migrations

if TYPE_CHECKING:
    from pathlib import Path

SHELVES: Final = """
import sqlalchemy as sa
from alembic import op

revision = "shelves"
down_revision = None


def upgrade():
    op.create_table(
        "shelves",
        sa.Column("code", sa.String(8), primary_key=True),
        sa.Column("length_cm", sa.Integer, nullable=False),
        sa.CheckConstraint("length_cm > 0", name="ck_shelves__length_positive"),
    )
    op.create_table(
        "boards",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("shelf", sa.String(8), sa.ForeignKey("shelves.code", ondelete="CASCADE")),
    )


def downgrade():
    op.drop_table("boards")
    op.drop_table("shelves")
"""

ROOMS: Final = """
import sqlalchemy as sa
from alembic import op

revision = "rooms"
down_revision = "shelves"


def upgrade():
    with op.batch_alter_table("shelves") as shelves:
        shelves.add_column(sa.Column("room", sa.Text()))
        shelves.create_index("idx_shelves_room", ["room"])


def downgrade():
    with op.batch_alter_table("shelves") as shelves:
        shelves.drop_index("idx_shelves_room")
        shelves.drop_column("room")
"""

GUESTS: Final = """
import sqlalchemy as sa
from alembic import op

revision = "guests"
down_revision = None


def upgrade():
    op.create_table("guests", sa.Column("name", sa.Text, primary_key=True))


def downgrade():
    op.drop_table("guests")
"""


def history(folder: Path, *scripts: str) -> Path:
    """Write the scripts of a history into a folder, and return it."""
    versions = folder / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    for number, script in enumerate(scripts):
        (versions / f"{number}.py").write_text(script, encoding="utf-8")
    return folder


def shelves(folder: Path, *scripts: str) -> Migrations:
    """Give the shop's history."""
    tables = frozenset({"shelves", "boards"})
    return Migrations(history(folder / "shop", *scripts), "shop_version", tables, "the shop")


def guests(folder: Path) -> Migrations:
    """Give the neighbour's history."""
    scripts = history(folder / "hotel", GUESTS)
    return Migrations(scripts, "hotel_version", frozenset({"guests"}), "the hotel")
