"""The column type of MusicBrainz ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from wkmp_orm.core.texts import MOST_CHARACTERS, short_text_of, shown
from wkmp_orm.core.types import CheckedType, Guid

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect


class Mbid(CheckedType[str]):
    """A MusicBrainz id, or a placeholder for an unknown one, stored as text.

    `placeholder` is the prefix of the placeholders that the column accepts (`name:`, `title:`), or
    None if it accepts ids only. A placeholder has at most 500 characters.
    """

    takes = "str | UUID"
    impl = sa.Text
    cache_ok = True

    def __init__(self, placeholder: str | None = None) -> None:
        super().__init__()
        self.placeholder = placeholder

    def process_bind_param(self, value: object, _: Dialect) -> str | None:
        """Accept `uuid.UUID` objects in queries too."""
        return None if value is None else str(value)

    def checked(self, value: Any) -> str:
        """Return an id in its canonical spelling, or a placeholder. Raises ValueError."""
        prefix = self.placeholder
        if prefix and isinstance(value, str) and value.startswith(prefix):
            return short_text_of(value)
        try:
            return Guid().checked(value)
        except ValueError:
            also = f", or {prefix}... while it is not known" if prefix else ""
            msg = f"{shown(value)} is not a MusicBrainz id: give a UUID{also}"
            raise ValueError(msg) from None

    def accepted(self, variable: str) -> str:
        """Return the condition for an id in its canonical spelling or a valid placeholder."""
        known = f"is_uuid({variable})"
        if self.placeholder is not None:
            known = (
                f"({known} or {variable}.startswith({self.placeholder!r})"
                f" and len({variable}) <= {MOST_CHARACTERS} and is_storable_text({variable}))"
            )
        return f"{variable}.__class__ is str and {known}"
