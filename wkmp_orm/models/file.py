"""The model of a sound file: its path, its properties, and the state of its import."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Unpack

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, relationship

from wkmp_orm.core.policy import insert_only, natural_key, overwrite
from wkmp_orm.core.rules import Rule
from wkmp_orm.core.types import EnumText, ShortText, Stored, UtcDateTime
from wkmp_orm.models.base import (
    Audited,
    Base,
    GuidKey,
    JsonList,
    Ticks,
    is_one_of,
    not_negative,
)
from wkmp_orm.models.indexes import (
    ON_POSTGRESQL_ALONE,
    ON_SQLITE_ALONE,
    Digest,
    PathKey,
    look_up_index,
)

if TYPE_CHECKING:
    from wkmp_orm.models.passage import Passage
    from wkmp_orm.models.rows import FileColumns


class FileStatus(StrEnum):
    """The state of a file's import."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    INGEST_COMPLETE = "INGEST COMPLETE"
    DUPLICATE_HASH = "DUPLICATE HASH"
    NO_AUDIO = "NO AUDIO"


STATUS = EnumText(FileStatus)
UNKNOWN_HASHES = ("", "PENDING")
"""What the older services store while a hash is unknown."""

IS_MISSING = sa.text("missing_since IS NOT NULL")
ORIGINAL_INDEX = "uq_files__original_hash"


def is_original_sql(row: str = "") -> str:
    """Return the SQL condition that a row is an original; `row` is a prefix such as "NEW."."""
    return f"{row}status <> 'DUPLICATE HASH' AND {row}hash NOT IN ('', 'PENDING')"


IS_ORIGINAL = sa.text(is_original_sql())
IS_DUPLICATE = sa.text("status = 'DUPLICATE HASH'")


def is_original(file: Any) -> sa.ColumnElement[bool]:
    """Return the condition that a file is an original, for `File` or an alias of it.

    It has the same text as in the partial index of originals, without parameters, so that both
    databases use that index instead of reading all equal files.
    """
    unknown: list[sa.ColumnElement[str]] = [
        sa.literal_column(f"'{text}'") for text in UNKNOWN_HASHES
    ]
    return sa.and_(
        file.status != sa.literal_column(f"'{FileStatus.DUPLICATE_HASH}'"),
        file.hash.not_in(unknown),
    )


def _positive(column: str) -> Rule:
    return Rule(f"{column} > 0", name=f"{column}_positive", says=f"{{{column}}} is not above 0")


class File(Audited, Base):
    """A sound file. Its natural key is `path`, relative to the library's root.

    `missing_since` is the time when an import first found that the file is missing; NULL if it
    exists.
    """

    __tablename__ = "files"

    guid: Mapped[GuidKey]
    path: Mapped[str] = natural_key()
    hash: Mapped[str] = overwrite(
        ShortText(), default="PENDING", server_default="PENDING", unknown=UNKNOWN_HASHES
    )
    duration_ticks: Mapped[Ticks | None] = overwrite()
    format: Mapped[str | None] = overwrite()
    sample_rate: Mapped[int | None] = overwrite()
    channels: Mapped[int | None] = overwrite()
    file_size_bytes: Mapped[Ticks | None] = overwrite()
    modification_time: Mapped[datetime] = overwrite(
        UtcDateTime(Stored.RFC3339, declared="TIMESTAMP")
    )
    artist: Mapped[str | None] = overwrite()
    title: Mapped[str | None] = overwrite()
    album: Mapped[str | None] = overwrite()
    track_number: Mapped[int | None] = overwrite()
    year: Mapped[int | None] = overwrite()
    status: Mapped[FileStatus] = insert_only(
        STATUS, default=FileStatus.PENDING, server_default=FileStatus.PENDING.value
    )
    matching_hashes: Mapped[JsonList | None] = overwrite()
    missing_since: Mapped[datetime | None] = insert_only(UtcDateTime(Stored.RFC3339))

    passages: Mapped[list[Passage]] = relationship(
        back_populates="file", lazy="raise", passive_deletes=True
    )

    __table_args__ = (
        is_one_of("status", STATUS),
        _positive("duration_ticks"),
        _positive("sample_rate"),
        Rule(
            "1 <= channels <= 32",
            name="channels_in_range",
            says="{channels} is not between 1 and 32",
        ),
        not_negative("file_size_bytes", name="file_size_bytes_not_negative"),
        # UNIQUE under the name that the older services use, so that they do not create another.
        sa.Index("idx_files_path", Digest(path), unique=True),
        look_up_index("idx_files_path_look_up", "path"),
        # By age, so that the oldest of many equal files is found with one look-up.
        sa.Index("idx_files_hash", "hash", "created_at", "guid"),
        # This index makes sure that only one of several equal files is the original, in any race.
        # On SQLite it would refuse what the Rust services write; see `guards`.
        sa.Index(
            ORIGINAL_INDEX,
            "hash",
            unique=True,
            sqlite_where=IS_ORIGINAL,
            postgresql_where=IS_ORIGINAL,
            info=ON_POSTGRESQL_ALONE,
        ).ddl_if(dialect="postgresql"),
        sa.Index(
            "idx_files_originals", "hash", sqlite_where=IS_ORIGINAL, info=ON_SQLITE_ALONE
        ).ddl_if(dialect="sqlite"),
        sa.Index("idx_files_status", "status"),
        # Partial: few rows have a value.
        sa.Index(
            "idx_files_missing_since",
            "missing_since",
            sqlite_where=IS_MISSING,
            postgresql_where=IS_MISSING,
        ),
        # For lists. `idx_files_path` has the paths in order on SQLite, but digests on PostgreSQL.
        sa.Index("idx_files_path_order", PathKey(path), info=ON_POSTGRESQL_ALONE).ddl_if(
            dialect="postgresql"
        ),
        sa.Index(
            "idx_files_duplicates",
            # Constant within this index: without it SQLite uses the index of statuses and sorts.
            "status",
            "hash",
            "guid",
            sqlite_where=IS_DUPLICATE,
            postgresql_where=IS_DUPLICATE,
        ),
    )

    if TYPE_CHECKING:

        def __init__(self, **columns: Unpack[FileColumns]) -> None: ...
