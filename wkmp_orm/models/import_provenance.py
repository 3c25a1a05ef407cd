"""The model of the sources of a passage's data: one row for each extraction."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Unpack

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, relationship

from wkmp_orm.core.policy import insert_only
from wkmp_orm.core.types import EnumText, Stored, UtcDateTime
from wkmp_orm.models.base import Base, GuidKey, JsonMap, Reference, is_one_of, to

if TYPE_CHECKING:
    from wkmp_orm.models.passage import Passage
    from wkmp_orm.models.rows import ImportProvenanceColumns


class SourceType(StrEnum):
    """The kind of extractor."""

    METADATA_EXTRACTOR = "metadata_extractor"
    IDENTITY_EXTRACTOR = "identity_extractor"
    FLAVOR_EXTRACTOR = "flavor_extractor"
    UNKNOWN_EXTRACTOR = "unknown_extractor"


SOURCE_TYPE = EnumText(SourceType)


class ImportProvenance(Base):
    """One extraction. If `confidence` is NULL, it is unknown, not 0."""

    __tablename__ = "import_provenance"

    id: Mapped[GuidKey]
    passage_id: Mapped[Reference] = insert_only(to("passages.guid", on_delete="CASCADE"))
    source_type: Mapped[SourceType] = insert_only(SOURCE_TYPE)
    data_extracted: Mapped[JsonMap | None] = insert_only()
    confidence: Mapped[float | None] = insert_only()
    timestamp: Mapped[datetime | None] = insert_only(UtcDateTime(Stored.UNIX))

    passage: Mapped[Passage] = relationship(back_populates="provenance", lazy="raise")

    __table_args__ = (
        is_one_of("source_type", SOURCE_TYPE),
        sa.Index("idx_import_provenance_passage_id", "passage_id"),
    )

    if TYPE_CHECKING:

        def __init__(self, **columns: Unpack[ImportProvenanceColumns]) -> None: ...
