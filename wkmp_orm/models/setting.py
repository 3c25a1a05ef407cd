"""One row of configuration, shared by all services that use the database."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from wkmp_orm.models.base import Base
from wkmp_orm.types import ShortText, UtcDateTime, utc_now


class Setting(Base):
    """A setting as text, under its case-sensitive key. NULL means "not set"."""

    __tablename__ = "settings"

    key: Mapped[str] = mapped_column(ShortText(), primary_key=True)
    value: Mapped[str | None]
    updated_at: Mapped[datetime] = mapped_column(
        UtcDateTime(), default=utc_now, server_default=sa.func.current_timestamp()
    )
