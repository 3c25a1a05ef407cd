"""A passage: the span of a file that is played as one, with its fades, titles and provenance."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from wkmp_orm.models.base import (
    Audited,
    Base,
    GuidKey,
    JsonList,
    JsonMap,
    Reference,
    Ticks,
    is_one_of,
    refers_to,
)
from wkmp_orm.models.indexes import Beginning
from wkmp_orm.types import Mbid, Stored, UtcDateTime, Word

if TYPE_CHECKING:
    from wkmp_orm.models.album import Album
    from wkmp_orm.models.file import File
    from wkmp_orm.models.import_provenance import ImportProvenance
    from wkmp_orm.models.links import PassageSong
    from wkmp_orm.models.song import Song


class PassageStatus(StrEnum):
    """How far a passage's import has come."""

    PENDING = "PENDING"
    INGEST_COMPLETE = "INGEST COMPLETE"


class DecodeStatus(StrEnum):
    """What the player met when it decoded the passage. The import never writes it."""

    PENDING = "pending"
    SUCCESSFUL = "successful"
    UNSUPPORTED_CODEC = "unsupported_codec"
    FAILED = "failed"


class FadeCurve(StrEnum):
    """The shape of a fade, under the names that the database knows."""

    EXPONENTIAL = "exponential"
    COSINE = "cosine"
    LINEAR = "linear"
    LOGARITHMIC = "logarithmic"
    EQUAL_POWER = "equal_power"


STATUS = Word(PassageStatus)
DECODE_STATUS = Word(DecodeStatus)
FADE_CURVE = Word(FadeCurve)

POINTS = ("fade_in_start", "lead_in_start", "lead_out_start", "fade_out_start")


def _inside(point: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(
        f"{point}_ticks BETWEEN start_time_ticks AND end_time_ticks", name=f"{point}_inside"
    )


class Passage(Audited, Base):
    """A span of a file, in ticks from the file's start. Its natural key is (file, start, end)."""

    __tablename__ = "passages"

    guid: Mapped[GuidKey]
    file_id: Mapped[Reference] = refers_to("files.guid", on_delete="CASCADE")
    start_time_ticks: Mapped[Ticks] = mapped_column(default=0, server_default=sa.text("0"))
    fade_in_start_ticks: Mapped[Ticks | None]
    lead_in_start_ticks: Mapped[Ticks | None]
    lead_out_start_ticks: Mapped[Ticks | None]
    fade_out_start_ticks: Mapped[Ticks | None]
    end_time_ticks: Mapped[Ticks]
    fade_in_curve: Mapped[FadeCurve | None] = mapped_column(FADE_CURVE)
    fade_out_curve: Mapped[FadeCurve | None] = mapped_column(FADE_CURVE)
    title: Mapped[str | None] = mapped_column()
    user_title: Mapped[str | None]
    artist: Mapped[str | None]
    album: Mapped[str | None]
    recording_mbid: Mapped[str | None] = mapped_column(Mbid())
    musical_flavor_vector: Mapped[JsonMap | None]
    import_metadata: Mapped[JsonMap | None]
    additional_metadata: Mapped[JsonMap | None]
    decode_status: Mapped[DecodeStatus] = mapped_column(
        DECODE_STATUS, default=DecodeStatus.PENDING, server_default=DecodeStatus.PENDING.value
    )
    flavor_source_blend: Mapped[JsonList | None]
    flavor_confidence_map: Mapped[JsonMap | None]
    flavor_completeness: Mapped[float | None]
    title_source: Mapped[str | None]
    title_confidence: Mapped[float | None]
    artist_source: Mapped[str | None]
    artist_confidence: Mapped[float | None]
    album_source: Mapped[str | None]
    album_confidence: Mapped[float | None]
    mbid_source: Mapped[str | None]
    mbid_confidence: Mapped[float | None]
    identity_confidence: Mapped[float | None]
    identity_posterior_probability: Mapped[float | None]
    identity_conflicts: Mapped[JsonList | None]
    overall_quality_score: Mapped[float | None]
    metadata_completeness: Mapped[float | None]
    validation_status: Mapped[str | None]
    validation_report: Mapped[JsonMap | None]
    validation_issues: Mapped[JsonList | None]
    import_session_id: Mapped[Reference | None] = refers_to(
        "import_sessions.session_id", on_delete="SET NULL"
    )
    import_timestamp: Mapped[datetime | None] = mapped_column(
        UtcDateTime(Stored.RFC3339, declared="TIMESTAMP")
    )
    import_strategy: Mapped[str | None]
    song_id: Mapped[Reference | None] = refers_to("songs.guid", on_delete="SET NULL")
    status: Mapped[PassageStatus] = mapped_column(
        STATUS, default=PassageStatus.PENDING, server_default=PassageStatus.PENDING.value
    )

    file: Mapped[File] = relationship(back_populates="passages", lazy="raise")
    song: Mapped[Song | None] = relationship(lazy="raise")
    songs: Mapped[list[PassageSong]] = relationship(
        back_populates="passage", lazy="raise", passive_deletes=True
    )
    albums: Mapped[list[Album]] = relationship(
        secondary="passage_albums", back_populates="passages", lazy="raise", viewonly=True
    )
    provenance: Mapped[list[ImportProvenance]] = relationship(
        back_populates="passage", lazy="raise", passive_deletes=True
    )

    __table_args__ = (
        is_one_of("status", STATUS),
        is_one_of("decode_status", DECODE_STATUS),
        is_one_of("fade_in_curve", FADE_CURVE),
        is_one_of("fade_out_curve", FADE_CURVE),
        sa.CheckConstraint("start_time_ticks >= 0", name="start_not_negative"),
        sa.CheckConstraint("end_time_ticks > start_time_ticks", name="end_after_start"),
        *map(_inside, POINTS),
        sa.CheckConstraint(
            "fade_in_start_ticks <= fade_out_start_ticks", name="fade_in_before_fade_out"
        ),
        sa.CheckConstraint(
            "lead_in_start_ticks <= lead_out_start_ticks", name="lead_in_before_lead_out"
        ),
        # UNIQUE, so that no race and no rerun can give a file the same passage twice. It serves
        # look-ups by file as well, hence the name that the older services look for.
        sa.Index(
            "idx_passages_file_id", "file_id", "start_time_ticks", "end_time_ticks", unique=True
        ),
        sa.Index("idx_passages_title", Beginning(title)),
        sa.Index("idx_passages_decode_status", "decode_status"),
        sa.Index("idx_passages_song_id", "song_id"),
        sa.Index("idx_passages_import_session_id", "import_session_id"),
    )
