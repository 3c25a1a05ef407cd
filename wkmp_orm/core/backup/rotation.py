"""Keeps older backups as FILE.1, FILE.2 and so on: the larger the number, the older."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from wkmp_orm.core.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


def check_keep(keep: int | None) -> None:
    """Raise ConfigurationError unless `keep` is None or an integer from 1 on."""
    if keep is not None and (type(keep) is not int or keep < 1):
        message = f"keep={keep!r} is no number of backups: 1 keeps the newest alone"
        raise ConfigurationError(message)


def make_way(file: Path, keep: int | None) -> None:
    """Rename FILE to FILE.1, FILE.1 to FILE.2 and so on, and delete the oldest backup.

    `keep` is the number of backups including the new one. With None, older backups stay, and the
    new one replaces FILE. Only files before the first gap in the numbers are renamed, the last one
    first: if the process ends midway, a gap is left and no backup is lost.
    """
    if keep is None:
        return
    if keep > 1 and file.exists():
        free = next(number for number in count(1) if not _older(file, number).exists())
        for number in range(free, 1, -1):
            _older(file, number - 1).rename(_older(file, number))
        file.rename(_older(file, 1))
    numbers = sorted(
        int(ending)
        for each in file.parent.iterdir()
        if each.name.startswith(f"{file.name}.")
        and (ending := each.name.removeprefix(f"{file.name}.")).isdecimal()
        and ending == str(int(ending))
    )
    for number in numbers[keep - 1 :]:
        _older(file, number).unlink()


def _older(file: Path, number: int) -> Path:
    return file.with_name(f"{file.name}.{number}")
