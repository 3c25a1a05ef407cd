"""The settings as they are stored: read, defaulted and saved through units of work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

import sqlalchemy as sa

from wkmp_orm.models import Setting
from wkmp_orm.phase import Phase
from wkmp_orm.settings.definitions import SETTINGS, setting_named
from wkmp_orm.settings.key import SettingKey
from wkmp_orm.settings.snapshot import SettingsSnapshot

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sqlalchemy.orm import Session

    from wkmp_orm.core.engine.monitor import WriteReport
    from wkmp_orm.work import UnitOfWork

T = TypeVar("T")


class Opened(Protocol):
    """What the settings need of their library."""

    def reader(self) -> AbstractContextManager[Session]:
        """Open a read-only Session."""

    def unit_of_work(self, phase: str) -> UnitOfWork:
        """Start a unit of work."""


class Settings:
    """The settings table, typed. Any thread may call; every read sees what is committed."""

    def __init__(self, library: Opened) -> None:
        """Read and write through the library."""
        self._library = library

    @overload
    def get(self, key: SettingKey[T]) -> T: ...
    @overload
    def get(self, key: str) -> Any: ...
    def get(self, key: SettingKey[Any] | str) -> Any:
        """Return a setting's value; the default where none is stored.

        Raises SettingError for an unknown key, and for a stored text that is no such value.
        """
        known = _key(key)
        with self._library.reader() as session:
            text = session.scalar(sa.select(Setting.value).where(Setting.key == known.name))
        return known.parse(text)

    def snapshot(self) -> SettingsSnapshot:
        """Read all settings at once; a value is parsed, and may raise, when it is asked for."""
        return SettingsSnapshot(self._stored())

    def save(self, values: Mapping[SettingKey[Any] | str, object]) -> WriteReport | None:
        """Save settings, all of them or none, in one transaction.

        Raises SettingError for an unknown key or a value that does not fit, with nothing saved.
        """
        texts = {_key(key).name: _key(key).format(value) for key, value in values.items()}
        with self._library.unit_of_work(Phase.SETTINGS) as work:
            for name, text in texts.items():
                row = work.settings.put(key=name, value=text)
                work.settings.update(row, value=text)
        return work.report

    def write_defaults(self) -> None:
        """Store the default of every setting that is missing or NULL, unless NULL means something.

        Safe when several programs start at once: what another one stored meanwhile stays.
        """
        stored = self._stored()
        missing = [
            key for key in SETTINGS.values() if not key.nullable and stored.get(key.name) is None
        ]
        with self._library.unit_of_work(Phase.SETTINGS) as work:
            work.settings.put_many(
                {"key": key.name, "value": key.format(key.default)} for key in missing
            )

    def _stored(self) -> dict[str, str | None]:
        with self._library.reader() as session:
            rows = session.execute(sa.select(Setting.key, Setting.value))
            return {key: value for key, value in rows}  # noqa: C416  a Row is no tuple to dict()


def _key(key: SettingKey[Any] | str) -> SettingKey[Any]:
    return setting_named(key) if isinstance(key, str) else key
