"""The model of web services' answers, also empty ones, kept so that each request is sent once."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Unpack

import sqlalchemy as sa
from sqlalchemy.orm import Mapped

from wkmp_orm.core.policy import natural_key, overwrite
from wkmp_orm.core.types import ShortText, Stored, UtcDateTime
from wkmp_orm.models.base import Base, GuidKey, JsonMap

if TYPE_CHECKING:
    from wkmp_orm.models.rows import ServiceAnswerColumns


class ServiceAnswer(Base):
    """One answer. The natural key is the request and the service.

    `request_key` is the requested MusicBrainz id, or the SHA-256 (64 hex digits) of the request. An
    empty `answer` means that the service found nothing: after 30 days the request is sent again.
    Other answers are kept for ever; delete the row to send the request again.
    """

    __tablename__ = "service_answers"

    guid: Mapped[GuidKey]
    service: Mapped[str] = natural_key(ShortText())
    request_key: Mapped[str] = natural_key()
    answer: Mapped[JsonMap] = overwrite()
    answered_at: Mapped[datetime] = overwrite(UtcDateTime(Stored.RFC3339))

    __table_args__ = (
        # The request first: rows are looked up by it, and each service has many rows.
        sa.UniqueConstraint("request_key", "service"),
        sa.CheckConstraint("service <> ''", name="service_named"),
        sa.CheckConstraint("length(request_key) IN (36, 64)", name="request_key_mbid_or_sha256"),
    )

    if TYPE_CHECKING:

        def __init__(self, **columns: Unpack[ServiceAnswerColumns]) -> None: ...
