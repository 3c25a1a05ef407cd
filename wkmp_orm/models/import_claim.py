"""The table of files that wait for, or belong to, importers that share a PostgreSQL."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Unpack

import sqlalchemy as sa
from sqlalchemy.orm import Mapped

from wkmp_orm.core.policy import insert_only, natural_key
from wkmp_orm.core.types import TICKS, EnumText, ShortText
from wkmp_orm.models.base import Base, GuidKey, Reference, is_one_of, to

if TYPE_CHECKING:
    from wkmp_orm.models.rows import ImportClaimColumns


class ClaimKind(StrEnum):
    """The work to do on a file: all phases for the first three kinds, the last ones for UNFLAVORED.

    A COPY is finished. It waits again only if it becomes an original.
    """

    NEW = "new"
    CHANGED = "changed"
    UNFINISHED = "unfinished"
    UNFLAVORED = "unflavored"
    COPY = "copy"


KIND = EnumText(ClaimKind)
IS_FREE = sa.text("claimed_by IS NULL")
IS_CLAIMED = sa.text("claimed_by IS NOT NULL")


class ImportClaim(Base):
    """One file of the running import. The row is deleted when the file is finished.

    Files are taken in the order of `position`. `claimed_by` is the importer that has the file,
    `claim_number` the number of its claim, and `owners` how many importers have had the file. On
    SQLite, where one import runs at a time, the table stays empty.
    """

    __tablename__ = "import_claims"

    guid: Mapped[GuidKey]
    file_id: Mapped[Reference] = natural_key(to("files.guid", on_delete="CASCADE"))
    position: Mapped[int] = insert_only(TICKS)
    kind: Mapped[ClaimKind] = insert_only(KIND)
    sha256: Mapped[str | None] = insert_only(ShortText())
    claimed_by: Mapped[Reference | None] = insert_only(
        to("import_members.member_id", on_delete="SET NULL")
    )
    claim_number: Mapped[int] = insert_only(default=0)
    owners: Mapped[int] = insert_only(default=0)

    __table_args__ = (
        is_one_of("kind", KIND),
        sa.UniqueConstraint("file_id"),
        sa.Index(
            "idx_import_claims_free", "position", sqlite_where=IS_FREE, postgresql_where=IS_FREE
        ),
        sa.Index(
            "idx_import_claims_claimed_by",
            "claimed_by",
            sqlite_where=IS_CLAIMED,
            postgresql_where=IS_CLAIMED,
        ),
    )

    if TYPE_CHECKING:

        def __init__(self, **columns: Unpack[ImportClaimColumns]) -> None: ...
