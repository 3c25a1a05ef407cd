"""What a web service answered, also that it knew nothing, so that it is asked once."""

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
    """One answer. The natural key is what was asked, and which service.

    `request_key` is the MusicBrainz id that was asked for, or the SHA-256 (64 hex digits) of the
    request. An empty `answer` says that the service knew nothing: after 30 days it is asked anew.
    What it knew is kept for good; delete the row to ask again.
    """

    __tablename__ = "service_answers"

    guid: Mapped[GuidKey]
    service: Mapped[str] = natural_key(ShortText())
    request_key: Mapped[str] = natural_key()
    answer: Mapped[JsonMap] = overwrite()
    answered_at: Mapped[datetime] = overwrite(UtcDateTime(Stored.RFC3339))

    __table_args__ = (
        # The request first: it is what rows are looked up by, and a service has many.
        sa.UniqueConstraint("request_key", "service"),
        sa.CheckConstraint("service <> ''", name="service_named"),
        sa.CheckConstraint("length(request_key) IN (36, 64)", name="request_key_mbid_or_sha256"),
    )

    if TYPE_CHECKING:

        def __init__(self, **columns: Unpack[ServiceAnswerColumns]) -> None: ...
