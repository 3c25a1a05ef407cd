"""Create the schema: the tables that an import fills, on SQLite and on PostgreSQL.

Table and column names, stored formats and the indexes named `idx_...` are those of the older
services, which read the same file. The named constraints, the allowed words of a status and the
partial unique indexes are new. Two of these indexes enforce rules that reading first cannot: one
original among equal files, and one running import session.

Revision: 7c41f0a9d2e6
Follows: nothing
Written: 2026-11-24
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

    Column = sa.Column[Any]

revision = "7c41f0a9d2e6"
down_revision = None
branch_labels = None
depends_on = None

TEXT = sa.Text()
INTEGER = sa.Integer()
GUID = sa.Text().with_variant(postgresql.UUID(as_uuid=False), "postgresql")
JSON = sa.Text().with_variant(postgresql.JSONB(), "postgresql")
REAL: TypeEngine[Any] = sa.Double().with_variant(sa.REAL(), "sqlite")
RFC3339 = sa.Text().with_variant(sa.TIMESTAMP(timezone=True), "postgresql")
TICKS = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIMESTAMP = sa.TIMESTAMP(timezone=True)
UNIX_TIME = sa.Integer().with_variant(sa.TIMESTAMP(timezone=True), "postgresql")


def needed(name: str, kind: TypeEngine[Any], default: str | sa.TextClause | None = None) -> Column:
    """Return a column that is never NULL."""
    return sa.Column(name, kind, server_default=default, nullable=False)


def now(name: str) -> Column:
    """Return a column that the database sets to the time of the insert."""
    return needed(name, TIMESTAMP, sa.text("CURRENT_TIMESTAMP"))


def key(name: str, *columns: str) -> sa.PrimaryKeyConstraint:
    """Return the primary key."""
    return sa.PrimaryKeyConstraint(*columns, name=op.f(name))


def check(name: str, condition: str) -> sa.CheckConstraint:
    """Return a CHECK with exactly this name."""
    return sa.CheckConstraint(condition, name=op.f(name))


def refers(name: str, column: str, target: str, on_delete: str) -> sa.ForeignKeyConstraint:
    """Return a foreign key."""
    return sa.ForeignKeyConstraint([column], [target], name=op.f(name), ondelete=on_delete)


def where(condition: str) -> dict[str, Any]:
    """Return the condition of a partial index, for both databases."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "acoustid_cache",
        needed("fingerprint_hash", TEXT),
        needed("mbid", TEXT),
        needed("cached_at", RFC3339, sa.text("CURRENT_TIMESTAMP")),
        check("ck_acoustid_cache__fingerprint_hash_sha256", "length(fingerprint_hash) = 64"),
        key("pk_acoustid_cache", "fingerprint_hash"),
    )
    op.create_index("idx_acoustid_cache_cached_at", "acoustid_cache", ["cached_at"])
    op.create_table(
        "albums",
        needed("guid", GUID),
        needed("album_mbid", TEXT),
        needed("title", TEXT),
        sa.Column("release_date", TEXT),
        sa.Column("identity_key", TEXT),
        now("created_at"),
        now("updated_at"),
        key("pk_albums", "guid"),
    )
    op.create_index("idx_albums_identity_key", "albums", ["identity_key"])
    op.create_index("idx_albums_mbid", "albums", ["album_mbid"], unique=True)
    op.create_table(
        "artists",
        needed("guid", GUID),
        needed("artist_mbid", TEXT),
        needed("name", TEXT),
        needed("base_probability", REAL, sa.text("1.0")),
        needed("min_cooldown", INTEGER, sa.text("7200")),
        needed("ramping_cooldown", INTEGER, sa.text("14400")),
        sa.Column("last_played_at", TIMESTAMP),
        sa.Column("identity_key", TEXT),
        now("created_at"),
        now("updated_at"),
        check("ck_artists__base_probability_in_range", "base_probability BETWEEN 0.0 AND 1000.0"),
        check("ck_artists__min_cooldown_not_negative", "min_cooldown >= 0"),
        check("ck_artists__ramping_cooldown_not_negative", "ramping_cooldown >= 0"),
        key("pk_artists", "guid"),
    )
    op.create_index("idx_artists_identity_key", "artists", ["identity_key"])
    op.create_index("idx_artists_mbid", "artists", ["artist_mbid"], unique=True)
    op.create_table(
        "files",
        needed("guid", GUID),
        needed("path", TEXT),
        needed("hash", TEXT, "PENDING"),
        sa.Column("duration_ticks", TICKS),
        sa.Column("format", TEXT),
        sa.Column("sample_rate", INTEGER),
        sa.Column("channels", INTEGER),
        sa.Column("file_size_bytes", TICKS),
        needed("modification_time", TIMESTAMP),
        sa.Column("artist", TEXT),
        sa.Column("title", TEXT),
        sa.Column("album", TEXT),
        sa.Column("track_number", INTEGER),
        sa.Column("year", INTEGER),
        needed("status", TEXT, "PENDING"),
        sa.Column("matching_hashes", JSON),
        now("created_at"),
        now("updated_at"),
        check(
            "ck_files__status_known",
            "status IN ('PENDING', 'PROCESSING', 'INGEST COMPLETE', 'DUPLICATE HASH', 'NO AUDIO')",
        ),
        check("ck_files__channels_in_range", "channels BETWEEN 1 AND 32"),
        check("ck_files__duration_ticks_positive", "duration_ticks > 0"),
        check("ck_files__file_size_bytes_not_negative", "file_size_bytes >= 0"),
        check("ck_files__sample_rate_positive", "sample_rate > 0"),
        key("pk_files", "guid"),
    )
    op.create_index("idx_files_hash", "files", ["hash"])
    op.create_index("idx_files_path", "files", ["path"], unique=True)
    op.create_index("idx_files_status", "files", ["status"])
    op.create_index(
        "uq_files__original_hash",
        "files",
        ["hash"],
        unique=True,
        **where("status <> 'DUPLICATE HASH' AND hash NOT IN ('', 'PENDING')"),
    )
    op.create_table(
        "flush_ledger",
        needed("flush_id", GUID),
        needed("committed_at", TIMESTAMP),
        key("pk_flush_ledger", "flush_id"),
    )
    op.create_index("idx_flush_ledger_committed_at", "flush_ledger", ["committed_at"])
    op.create_table(
        "import_sessions",
        needed("session_id", GUID),
        needed("state", TEXT),
        needed("root_folder", TEXT),
        needed("parameters", JSON),
        needed("progress_current", INTEGER),
        needed("progress_total", INTEGER),
        needed("progress_percentage", REAL),
        needed("current_operation", TEXT),
        needed("errors", JSON),
        needed("started_at", RFC3339),
        sa.Column("ended_at", RFC3339),
        check(
            "ck_import_sessions__state_known",
            """state IN ('"SCANNING"', '"PROCESSING"', '"COMPLETED"', '"CANCELLED"', """
            """'"FAILED"', '"EXTRACTING"', '"SEGMENTING"', '"FINGERPRINTING"', '"IDENTIFYING"', """
            """'"ANALYZING"', '"FLAVORING"')""",
        ),
        key("pk_import_sessions", "session_id"),
    )
    op.create_index(
        "uq_import_sessions__running",
        "import_sessions",
        [sa.text("(1)")],
        unique=True,
        **where("""state NOT IN ('"COMPLETED"', '"CANCELLED"', '"FAILED"')"""),
    )
    op.create_table(
        "settings",
        needed("key", TEXT),
        sa.Column("value", TEXT),
        now("updated_at"),
        key("pk_settings", "key"),
    )
    op.create_table(
        "works",
        needed("guid", GUID),
        needed("work_mbid", TEXT),
        needed("title", TEXT),
        needed("base_probability", REAL, sa.text("1.0")),
        needed("min_cooldown", INTEGER, sa.text("259200")),
        needed("ramping_cooldown", INTEGER, sa.text("604800")),
        sa.Column("last_played_at", TIMESTAMP),
        now("created_at"),
        now("updated_at"),
        check("ck_works__base_probability_in_range", "base_probability BETWEEN 0.0 AND 1000.0"),
        check("ck_works__min_cooldown_not_negative", "min_cooldown >= 0"),
        check("ck_works__ramping_cooldown_not_negative", "ramping_cooldown >= 0"),
        key("pk_works", "guid"),
    )
    op.create_index("idx_works_mbid", "works", ["work_mbid"], unique=True)
    op.create_table(
        "import_failures",
        needed("guid", GUID),
        sa.Column("file_id", GUID),
        needed("session_id", GUID),
        needed("path", TEXT),
        needed("phase", TEXT),
        needed("reason", TEXT),
        needed("occurred_at", RFC3339),
        refers("fk_import_failures__file_id", "file_id", "files.guid", "CASCADE"),
        refers(
            "fk_import_failures__session_id", "session_id", "import_sessions.session_id", "CASCADE"
        ),
        key("pk_import_failures", "guid"),
        sa.UniqueConstraint(
            "session_id", "path", "phase", name=op.f("uq_import_failures__session_id_path_phase")
        ),
    )
    op.create_index("idx_import_failures_file_id", "import_failures", ["file_id"])
    op.create_table(
        "songs",
        needed("guid", GUID),
        needed("recording_mbid", TEXT),
        sa.Column("work_id", GUID),
        sa.Column("related_songs", JSON),
        sa.Column("lyrics", TEXT),
        needed("base_probability", REAL, sa.text("1.0")),
        needed("min_cooldown", INTEGER, sa.text("604800")),
        needed("ramping_cooldown", INTEGER, sa.text("1209600")),
        sa.Column("last_played_at", TIMESTAMP),
        sa.Column("title", TEXT),
        sa.Column("artist_name", TEXT),
        sa.Column("flavor_vector", JSON),
        sa.Column("flavor_source_blend", JSON),
        needed("status", TEXT, "PENDING"),
        now("created_at"),
        now("updated_at"),
        check(
            "ck_songs__status_known", "status IN ('PENDING', 'FLAVOR READY', 'FLAVORING FAILED')"
        ),
        check("ck_songs__base_probability_in_range", "base_probability BETWEEN 0.0 AND 1000.0"),
        check("ck_songs__min_cooldown_not_negative", "min_cooldown >= 0"),
        check("ck_songs__ramping_cooldown_not_negative", "ramping_cooldown >= 0"),
        refers("fk_songs__work_id", "work_id", "works.guid", "SET NULL"),
        key("pk_songs", "guid"),
    )
    op.create_index("idx_songs_last_played", "songs", ["last_played_at"])
    op.create_index("idx_songs_recording_mbid", "songs", ["recording_mbid"], unique=True)
    op.create_index("idx_songs_work_id", "songs", ["work_id"])
    op.create_table(
        "passages",
        needed("guid", GUID),
        needed("file_id", GUID),
        needed("start_time_ticks", TICKS, sa.text("0")),
        sa.Column("fade_in_start_ticks", TICKS),
        sa.Column("lead_in_start_ticks", TICKS),
        sa.Column("lead_out_start_ticks", TICKS),
        sa.Column("fade_out_start_ticks", TICKS),
        needed("end_time_ticks", TICKS),
        sa.Column("fade_in_curve", TEXT),
        sa.Column("fade_out_curve", TEXT),
        sa.Column("title", TEXT),
        sa.Column("user_title", TEXT),
        sa.Column("artist", TEXT),
        sa.Column("album", TEXT),
        sa.Column("recording_mbid", TEXT),
        sa.Column("musical_flavor_vector", JSON),
        sa.Column("import_metadata", JSON),
        sa.Column("additional_metadata", JSON),
        needed("decode_status", TEXT, "pending"),
        sa.Column("flavor_source_blend", JSON),
        sa.Column("flavor_confidence_map", JSON),
        sa.Column("flavor_completeness", REAL),
        sa.Column("title_source", TEXT),
        sa.Column("title_confidence", REAL),
        sa.Column("artist_source", TEXT),
        sa.Column("artist_confidence", REAL),
        sa.Column("album_source", TEXT),
        sa.Column("album_confidence", REAL),
        sa.Column("mbid_source", TEXT),
        sa.Column("mbid_confidence", REAL),
        sa.Column("identity_confidence", REAL),
        sa.Column("identity_posterior_probability", REAL),
        sa.Column("identity_conflicts", JSON),
        sa.Column("overall_quality_score", REAL),
        sa.Column("metadata_completeness", REAL),
        sa.Column("validation_status", TEXT),
        sa.Column("validation_report", JSON),
        sa.Column("validation_issues", JSON),
        sa.Column("import_session_id", GUID),
        sa.Column("import_timestamp", TIMESTAMP),
        sa.Column("import_strategy", TEXT),
        sa.Column("song_id", GUID),
        needed("status", TEXT, "PENDING"),
        now("created_at"),
        now("updated_at"),
        check(
            "ck_passages__decode_status_known",
            "decode_status IN ('pending', 'successful', 'unsupported_codec', 'failed')",
        ),
        check(
            "ck_passages__fade_in_curve_known",
            "fade_in_curve IN ('exponential', 'cosine', 'linear', 'logarithmic', 'equal_power')",
        ),
        check(
            "ck_passages__fade_out_curve_known",
            "fade_out_curve IN ('exponential', 'cosine', 'linear', 'logarithmic', 'equal_power')",
        ),
        check("ck_passages__status_known", "status IN ('PENDING', 'INGEST COMPLETE')"),
        check("ck_passages__end_after_start", "end_time_ticks > start_time_ticks"),
        check(
            "ck_passages__fade_in_before_fade_out", "fade_in_start_ticks <= fade_out_start_ticks"
        ),
        check(
            "ck_passages__fade_in_start_inside",
            "fade_in_start_ticks BETWEEN start_time_ticks AND end_time_ticks",
        ),
        check(
            "ck_passages__fade_out_start_inside",
            "fade_out_start_ticks BETWEEN start_time_ticks AND end_time_ticks",
        ),
        check(
            "ck_passages__lead_in_before_lead_out", "lead_in_start_ticks <= lead_out_start_ticks"
        ),
        check(
            "ck_passages__lead_in_start_inside",
            "lead_in_start_ticks BETWEEN start_time_ticks AND end_time_ticks",
        ),
        check(
            "ck_passages__lead_out_start_inside",
            "lead_out_start_ticks BETWEEN start_time_ticks AND end_time_ticks",
        ),
        check("ck_passages__start_not_negative", "start_time_ticks >= 0"),
        refers("fk_passages__file_id", "file_id", "files.guid", "CASCADE"),
        refers(
            "fk_passages__import_session_id",
            "import_session_id",
            "import_sessions.session_id",
            "SET NULL",
        ),
        refers("fk_passages__song_id", "song_id", "songs.guid", "SET NULL"),
        key("pk_passages", "guid"),
    )
    op.create_index("idx_passages_decode_status", "passages", ["decode_status"])
    op.create_index(
        "idx_passages_file_id",
        "passages",
        ["file_id", "start_time_ticks", "end_time_ticks"],
        unique=True,
    )
    op.create_index("idx_passages_import_session_id", "passages", ["import_session_id"])
    op.create_index("idx_passages_song_id", "passages", ["song_id"])
    op.create_index("idx_passages_title", "passages", ["title"])
    op.create_table(
        "song_artists",
        needed("song_id", GUID),
        needed("artist_id", GUID),
        needed("weight", REAL),
        now("created_at"),
        check("ck_song_artists__weight_in_range", "weight > 0.0 AND weight <= 1.0"),
        refers("fk_song_artists__artist_id", "artist_id", "artists.guid", "CASCADE"),
        refers("fk_song_artists__song_id", "song_id", "songs.guid", "CASCADE"),
        key("pk_song_artists", "song_id", "artist_id"),
    )
    op.create_index("idx_song_artists_artist", "song_artists", ["artist_id"])
    op.create_table(
        "song_works",
        needed("song_id", GUID),
        needed("work_id", GUID),
        now("created_at"),
        refers("fk_song_works__song_id", "song_id", "songs.guid", "CASCADE"),
        refers("fk_song_works__work_id", "work_id", "works.guid", "CASCADE"),
        key("pk_song_works", "song_id", "work_id"),
    )
    op.create_index("idx_song_works_work_id", "song_works", ["work_id"])
    op.create_table(
        "import_provenance",
        needed("id", GUID),
        needed("passage_id", GUID),
        needed("source_type", TEXT),
        sa.Column("data_extracted", JSON),
        sa.Column("confidence", REAL),
        sa.Column("timestamp", UNIX_TIME),
        check(
            "ck_import_provenance__source_type_known",
            "source_type IN ('metadata_extractor', 'identity_extractor', 'flavor_extractor', "
            "'unknown_extractor')",
        ),
        refers("fk_import_provenance__passage_id", "passage_id", "passages.guid", "CASCADE"),
        key("pk_import_provenance", "id"),
    )
    op.create_index("idx_import_provenance_passage_id", "import_provenance", ["passage_id"])
    op.create_table(
        "passage_albums",
        needed("passage_id", GUID),
        needed("album_id", GUID),
        now("created_at"),
        refers("fk_passage_albums__album_id", "album_id", "albums.guid", "CASCADE"),
        refers("fk_passage_albums__passage_id", "passage_id", "passages.guid", "CASCADE"),
        key("pk_passage_albums", "passage_id", "album_id"),
    )
    op.create_index("idx_passage_albums_album", "passage_albums", ["album_id"])
    op.create_table(
        "passage_songs",
        needed("passage_id", GUID),
        needed("song_id", GUID),
        needed("start_time_ticks", TICKS),
        needed("end_time_ticks", TICKS),
        now("created_at"),
        check("ck_passage_songs__end_after_start", "end_time_ticks > start_time_ticks"),
        check("ck_passage_songs__start_not_negative", "start_time_ticks >= 0"),
        refers("fk_passage_songs__passage_id", "passage_id", "passages.guid", "CASCADE"),
        refers("fk_passage_songs__song_id", "song_id", "songs.guid", "CASCADE"),
        key("pk_passage_songs", "passage_id", "song_id"),
    )
    op.create_index("idx_passage_songs_song", "passage_songs", ["song_id"])


def downgrade() -> None:
    """Drop the tables, with every row in them."""
    op.drop_table("passage_songs")
    op.drop_table("passage_albums")
    op.drop_table("import_provenance")
    op.drop_table("song_works")
    op.drop_table("song_artists")
    op.drop_table("passages")
    op.drop_table("songs")
    op.drop_table("import_failures")
    op.drop_table("works")
    op.drop_table("settings")
    op.drop_table("import_sessions")
    op.drop_table("flush_ledger")
    op.drop_table("files")
    op.drop_table("artists")
    op.drop_table("albums")
    op.drop_table("acoustid_cache")
