"""A typed snapshot of all settings at one moment.

It is built from rows that were read before. So reading it needs no database access and may be done
inside a transaction.
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
    """The stored texts by name, which `get` returns as typed values.

    A missing row or NULL gives the default. A text that cannot be parsed raises an error only when
    that setting is read. Immutable; any thread may use it.
    """

    def __init__(self, stored: Mapping[str, str | None]) -> None:
        """Copy the rows, which may include other services' settings."""
        self._stored = MappingProxyType(dict(stored))

    @overload
    def get(self, key: SettingKey[T]) -> T: ...
    @overload
    def get(self, key: str) -> Any: ...
    def get(self, key: SettingKey[Any] | str) -> Any:
        """Return a setting's value; the type is known if `key` is a constant and not a name.

        Raises SettingError for an unknown name, and for a stored text that cannot be parsed.
        """
        found = setting_named(key) if isinstance(key, str) else key
        return found.parse(stored_text(self._stored, found))


def stored_text(stored: Mapping[str, str | None], key: SettingKey[Any]) -> str | None:
    """Return a setting's stored text: from its row key, or else from its documented name.

    A user may have written the row by hand, under the documented name.
    """
    return stored[key.row_key] if key.row_key in stored else stored.get(key.name)
