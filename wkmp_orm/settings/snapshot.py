"""All settings as they were at one moment, typed.

It is made of rows that were read before, so asking it costs nothing and may be done inside a
transaction.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from wkmp_orm.settings.definitions import setting_named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wkmp_orm.settings.key import SettingKey

T = TypeVar("T")


class SettingsSnapshot:
    """The stored texts by name, read as typed values.

    A row that is missing or NULL reads as its default. A text that cannot be read is an error only
    for the one who asks for that setting. Immutable and usable in any thread.
    """

    def __init__(self, stored: Mapping[str, str | None]) -> None:
        """Keep a copy of the rows; names that are not ours may be among them."""
        self._stored = MappingProxyType(dict(stored))

    @overload
    def get(self, key: SettingKey[T]) -> T: ...
    @overload
    def get(self, key: str) -> Any: ...
    def get(self, key: SettingKey[Any] | str) -> Any:
        """Return a setting's value. By its constant it is typed, by its name it is not.

        Raises SettingError for a name that is unknown and for a stored text that cannot be read.
        """
        found = setting_named(key) if isinstance(key, str) else key
        return found.parse(stored_text(self._stored, found))


def stored_text(stored: Mapping[str, str | None], key: SettingKey[Any]) -> str | None:
    """Return the text of a setting among stored rows: that under its name if its own is not there.

    Somebody may have written the row by hand, under the name that the documentation has.
    """
    return stored[key.row_key] if key.row_key in stored else stored.get(key.name)
