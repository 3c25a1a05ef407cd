"""Recognizes passages that a user edited, which stay when their file no longer has them."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from wkmp_orm.models import Passage
from wkmp_orm.models.tables import TABLES

USER_OWNED: Final = TABLES["passages"].user_owned

UNEDITED: Final = tuple(getattr(Passage, column).is_(None) for column in USER_OWNED)
"""The SQL conditions under which a passage may be deleted: no column of the user's is set."""


def has_edits(file: Any) -> sa.Exists:
    """Return the condition that a file, `File` or an alias, has a passage that a user edited."""
    edited = sa.or_(*(getattr(Passage, column).is_not(None) for column in USER_OWNED))
    return sa.exists().where(Passage.file_id == file.guid, edited).correlate(file)


def is_edited(passage: Passage) -> bool:
    """Return whether a user gave the passage a title or fades."""
    return any(getattr(passage, column) is not None for column in USER_OWNED)
