"""Units of work are tested through both senders, on both databases."""

from __future__ import annotations

from tests.both_senders import database

__all__ = ["database"]
