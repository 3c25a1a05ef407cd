"""The model of a setting, which all services that use the database share."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Unpack

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from wkmp_orm.core.policy import fill, updated_at
from wkmp_orm.core.types import ShortText, UtcDateTime, utc_now
from wkmp_orm.models.base import Base

if TYPE_CHECKING:
    from wkmp_orm.models.rows import SettingColumns


class Setting(Base):
    """A setting as text, under its case-sensitive key. NULL means "not set"."""

    __tablename__ = "settings"

    key: Mapped[str] = mapped_column(ShortText(), primary_key=True)
    value: Mapped[str | None] = fill()  # `put` stores a default; `update` changes the value
    updated_at: Mapped[datetime] = updated_at(
        UtcDateTime(), default=utc_now, server_default=sa.func.current_timestamp()
    )

    if TYPE_CHECKING:

        def __init__(self, **columns: Unpack[SettingColumns]) -> None: ...
