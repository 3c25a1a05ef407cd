"""Store the answers of web services, also empty ones, so that each request is sent once.

`acoustid_cache` stores only one recording for each fingerprint: without other candidates, without
scores, and without empty answers, so that every import sent the request again.

Revision: 3e8d51b7c904
Follows: 7c41f0a9d2e6
Written: 2026-11-28
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "3e8d51b7c904"
down_revision = "7c41f0a9d2e6"
branch_labels = None
depends_on = None

GUID = sa.Text().with_variant(postgresql.UUID(as_uuid=False), "postgresql")
JSON = sa.Text().with_variant(postgresql.JSONB(), "postgresql")
RFC3339 = sa.Text().with_variant(sa.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "service_answers",
        sa.Column("guid", GUID, nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("request_key", sa.Text(), nullable=False),
        sa.Column("answer", JSON, nullable=False),
        sa.Column("answered_at", RFC3339, nullable=False),
        sa.CheckConstraint("service <> ''", name=op.f("ck_service_answers__service_named")),
        sa.CheckConstraint(
            "length(request_key) IN (36, 64)",
            name=op.f("ck_service_answers__request_key_mbid_or_sha256"),
        ),
        sa.PrimaryKeyConstraint("guid", name=op.f("pk_service_answers")),
        sa.UniqueConstraint(
            "request_key", "service", name=op.f("uq_service_answers__request_key_service")
        ),
    )


def downgrade() -> None:
    """Drop the table: the requests can be sent again."""
    op.drop_table("service_answers")
