"""Reads and saves the settings table; saving uses a unit of work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, overload

import sqlalchemy as sa

from wkmp_orm.models import Setting
from wkmp_orm.phase import Phase
from wkmp_orm.settings.definitions import setting_named
from wkmp_orm.settings.key import SettingKey
from wkmp_orm.settings.snapshot import SettingsSnapshot, stored_text

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sqlalchemy.orm import Session

    from wkmp_orm.core.engine.monitor import WriteReport
    from wkmp_orm.work import UnitOfWork

T = TypeVar("T")

_ROWS: Final = sa.select(Setting.key, Setting.value).where(
    Setting.key.in_(sa.bindparam("keys", expanding=True))
)
_DELETE: Final = sa.delete(Setting).where(Setting.key == sa.bindparam("of_key"))


class Opened(Protocol):
    """The methods of a library that the settings use."""

    def reader(self) -> AbstractContextManager[Session]:
        """Open a read-only Session."""

    def unit_of_work(self, phase: str) -> UnitOfWork:
        """Start a unit of work."""


class Settings:
    """Typed access to the settings table. Any thread may call; reads see what is committed."""

    def __init__(self, library: Opened) -> None:
        """Read and write through the library."""
        self._library = library

    @overload
    def get(self, key: SettingKey[T]) -> T: ...
    @overload
    def get(self, key: str) -> Any: ...
    def get(self, key: SettingKey[Any] | str) -> Any:
        """Return a setting's value; the default if none is stored.

        Raises SettingError for an unknown key, and for a stored text that cannot be parsed.
        """
        known = _key(key)
        with self._library.reader() as session:
            rows = session.execute(_ROWS, {"keys": [known.row_key, known.name]})
            stored = {key: value for key, value in rows}  # noqa: C416  a Row is no tuple to dict()
        return known.parse(stored_text(stored, known))

    def snapshot(self) -> SettingsSnapshot:
        """Read all settings in one query; `get` of the snapshot parses a value and may raise."""
        return SettingsSnapshot(self._stored())

    def save(self, values: Mapping[SettingKey[Any] | str, object]) -> WriteReport | None:
        """Save settings in one transaction.

        Raises SettingError for an unknown key or an invalid value; then nothing is saved. Raises
        the errors of a commit.
        """
        keys = {_key(key): _key(key).format(value) for key, value in values.items()}
        with self._library.unit_of_work(Phase.SETTINGS) as work:
            for key, text in keys.items():
                row = work.settings.put(key=key.row_key, value=text)
                work.settings.update(row, value=text)
            if under_names := [{"of_key": key.name} for key in keys if key.stored_as]:
                work.execute(_DELETE, under_names)
        return work.report

    def _stored(self) -> dict[str, str | None]:
        with self._library.reader() as session:
            rows = session.execute(sa.select(Setting.key, Setting.value))
            return {key: value for key, value in rows}  # noqa: C416  a Row is no tuple to dict()


def _key(key: SettingKey[Any] | str) -> SettingKey[Any]:
    return setting_named(key) if isinstance(key, str) else key
