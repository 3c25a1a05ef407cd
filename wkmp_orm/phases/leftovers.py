"""What makes a passage the user's own, so that it stays when its file has it no more.

Knows nothing of why it is gone.
"""

from __future__ import annotations

from typing import Final

from wkmp_orm.models import Passage
from wkmp_orm.models.tables import TABLES

USER_OWNED: Final = TABLES["passages"].user_owned

UNEDITED: Final = tuple(getattr(Passage, column).is_(None) for column in USER_OWNED)
"""The SQL conditions under which a passage may be deleted: no column that a user owns is set."""


def is_edited(passage: Passage) -> bool:
    """Say whether a user gave the passage a title or fades of its own."""
    return any(getattr(passage, column) is not None for column in USER_OWNED)
