"""The model of a passage: the span of a file that is played as one, with its fades and titles."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Unpack

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, relationship

from wkmp_orm.core.policy import insert_only, natural_key, overwrite, user_owned
from wkmp_orm.core.rules import Rule
from wkmp_orm.core.types import EnumText, Stored, UtcDateTime
from wkmp_orm.mbid import Mbid
from wkmp_orm.models.base import (
    Audited,
    Base,
    GuidKey,
    JsonList,
    JsonMap,
    Reference,
    Ticks,
    is_one_of,
    known,
    not_negative,
    to,
)
from wkmp_orm.models.indexes import SortKey, unless

if TYPE_CHECKING:
    from wkmp_orm.models.album import Album
    from wkmp_orm.models.file import File
    from wkmp_orm.models.import_provenance import ImportProvenance
    from wkmp_orm.models.links import PassageSong
    from wkmp_orm.models.rows import PassageColumns
    from wkmp_orm.models.song import Song


class PassageStatus(StrEnum):
    """The state of a passage's import."""

    PENDING = "PENDING"
    INGEST_COMPLETE = "INGEST COMPLETE"


class DecodeStatus(StrEnum):
    """The result of the player's attempt to decode the passage. The import never writes it."""

    PENDING = "pending"
    SUCCESSFUL = "successful"
    UNSUPPORTED_CODEC = "unsupported_codec"
    FAILED = "failed"


class FadeCurve(StrEnum):
    """The shape of a fade, with the names that the database stores."""

    EXPONENTIAL = "exponential"
    COSINE = "cosine"
    LINEAR = "linear"
    LOGARITHMIC = "logarithmic"
    EQUAL_POWER = "equal_power"


STATUS = EnumText(PassageStatus)
DECODE_STATUS = EnumText(DecodeStatus)
FADE_CURVE = EnumText(FadeCurve)

HAS_NO_SONG = sa.text("song_id IS NULL")

POINTS = ("fade_in_start", "lead_in_start", "lead_out_start", "fade_out_start")


def _inside(point: str) -> Rule:
    return Rule(
        f"start_time_ticks <= {point}_ticks <= end_time_ticks",
        name=f"{point}_inside",
        column=f"{point}_ticks",
        says=f"{{{point}_ticks}} lies outside the passage, {{start_time_ticks}} to"
        " {end_time_ticks} ticks",
    )


def _in_before_out(kind: str) -> Rule:
    begin, finish = f"{kind}_in_start_ticks", f"{kind}_out_start_ticks"
    return Rule(
        f"{begin} <= {finish}",
        name=f"{kind}_in_before_{kind}_out",
        says=f"{{{begin}}} comes after {finish}, {{{finish}}}",
    )


class Passage(Audited, Base):
    """A span of a file, in ticks from the file's start. Its natural key is (file, start, end)."""

    __tablename__ = "passages"

    guid: Mapped[GuidKey]
    file_id: Mapped[Reference] = natural_key(to("files.guid", on_delete="CASCADE"))
    start_time_ticks: Mapped[Ticks] = natural_key(default=0, server_default=sa.text("0"))
    fade_in_start_ticks: Mapped[Ticks | None] = user_owned()
    lead_in_start_ticks: Mapped[Ticks | None] = overwrite()
    lead_out_start_ticks: Mapped[Ticks | None] = overwrite()
    fade_out_start_ticks: Mapped[Ticks | None] = user_owned()
    end_time_ticks: Mapped[Ticks] = natural_key()
    fade_in_curve: Mapped[FadeCurve | None] = user_owned(FADE_CURVE)
    fade_out_curve: Mapped[FadeCurve | None] = user_owned(FADE_CURVE)
    title: Mapped[str | None] = overwrite()
    user_title: Mapped[str | None] = user_owned()
    artist: Mapped[str | None] = overwrite()
    album: Mapped[str | None] = overwrite()
    recording_mbid: Mapped[str | None] = overwrite(Mbid())
    musical_flavor_vector: Mapped[JsonMap | None] = overwrite()
    import_metadata: Mapped[JsonMap | None] = overwrite()
    additional_metadata: Mapped[JsonMap | None] = overwrite()
    decode_status: Mapped[DecodeStatus] = insert_only(
        DECODE_STATUS, default=DecodeStatus.PENDING, server_default=DecodeStatus.PENDING.value
    )
    flavor_source_blend: Mapped[JsonList | None] = overwrite()
    flavor_confidence_map: Mapped[JsonMap | None] = overwrite()
    flavor_completeness: Mapped[float | None] = overwrite()
    title_source: Mapped[str | None] = overwrite()
    title_confidence: Mapped[float | None] = overwrite()
    artist_source: Mapped[str | None] = overwrite()
    artist_confidence: Mapped[float | None] = overwrite()
    album_source: Mapped[str | None] = overwrite()
    album_confidence: Mapped[float | None] = overwrite()
    mbid_source: Mapped[str | None] = overwrite()
    mbid_confidence: Mapped[float | None] = overwrite()
    identity_confidence: Mapped[float | None] = overwrite()
    identity_posterior_probability: Mapped[float | None] = overwrite()
    identity_conflicts: Mapped[JsonList | None] = overwrite()
    overall_quality_score: Mapped[float | None] = overwrite()
    metadata_completeness: Mapped[float | None] = overwrite()
    validation_status: Mapped[str | None] = overwrite()
    validation_report: Mapped[JsonMap | None] = overwrite()
    validation_issues: Mapped[JsonList | None] = overwrite()
    import_session_id: Mapped[Reference | None] = overwrite(
        to("import_sessions.session_id", on_delete="SET NULL")
    )
    import_timestamp: Mapped[datetime | None] = overwrite(
        UtcDateTime(Stored.RFC3339, declared="TIMESTAMP")
    )
    import_strategy: Mapped[str | None] = overwrite()
    song_id: Mapped[Reference | None] = overwrite(to("songs.guid", on_delete="SET NULL"))
    status: Mapped[PassageStatus] = insert_only(
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
        not_negative("start_time_ticks", name="start_not_negative"),
        Rule(
            "end_time_ticks > start_time_ticks",
            name="end_after_start",
            says="{end_time_ticks} is not after the start, {start_time_ticks}",
        ),
        *map(_inside, POINTS),
        _in_before_out("fade"),
        _in_before_out("lead"),
        # UNIQUE, so that no race and no rerun can store a file's passage twice. It also serves
        # look-ups by file, so it has the name that the older services use for such an index.
        sa.Index(
            "idx_passages_file_id", "file_id", "start_time_ticks", "end_time_ticks", unique=True
        ),
        sa.Index("idx_passages_decode_status", "decode_status"),
        sa.Index("idx_passages_song_id", "song_id"),
        sa.Index(
            "idx_passages_import_session_id", "import_session_id", **known("import_session_id")
        ),
        # For counting. It is the narrowest index (NULL in nearly all rows), so SQLite uses it to
        # count a million passages: 2,200 pages instead of 9,200 of the index of titles.
        sa.Index("idx_passages_unfinished", unless(status, PassageStatus.INGEST_COMPLETE.value)),
        # For lists: passages without a song are listed by title, like songs. `song_id`, which is
        # NULL in all of them, comes first: otherwise SQLite would use the index of `song_id`.
        *(
            sa.Index(
                f"idx_passages_{what}_order",
                "song_id",
                SortKey(text),
                *further,
                sqlite_where=HAS_NO_SONG,
                postgresql_where=HAS_NO_SONG,
            )
            for what, text, further in (
                ("title", sa.func.coalesce(user_title, title), ("guid",)),
                # What an artist's name finds is sorted by title afterwards.
                ("artist", artist, ()),
            )
        ),
    )

    if TYPE_CHECKING:

        def __init__(self, **columns: Unpack[PassageColumns]) -> None: ...
