"""Reads a sound file's hash and tags in one call, before it is decoded.

If the file is on another machine than the import, that machine reads it once, and only the few
hundred bytes of the result are sent.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wkmp_orm.audio.analysis import never
from wkmp_orm.audio.container import Container, read_container
from wkmp_orm.audio.hashing import sha256_of
from wkmp_orm.audio.tags import read_tags
from wkmp_orm.errors import SoundFileError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wkmp_orm.audio.tags import Tags


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstLook:
    """A file's SHA-256 in hexadecimal digits, and its tags (None if they were not read)."""

    sha256: str
    tags: Tags | None = None


def look_at(
    path: Path,
    *,
    tags: bool = True,
    container: bool = True,
    cancelled: Callable[[], bool] = never,
) -> FirstLook:
    """Hash a sound file and read its `tags`.

    Tags that cannot be read are None; `tags_at` raises the reason. Raises SoundFileError if the
    file cannot be hashed, see `sha256_of`. Any thread may call it.
    """
    sha256 = sha256_of(path)
    found: Tags | None = None
    if tags:
        with suppress(Exception):  # a later call of `tags_at` raises it again
            found = tags_at(path, container=container, cancelled=cancelled)
    return FirstLook(sha256=sha256, tags=found)


def tags_at(
    path: Path,
    *,
    container: bool = True,
    cancelled: Callable[[], bool] = never,  # noqa: ARG001  it takes milliseconds
) -> Tags:
    """Read a sound file's tags like `read_tags`, in a process that a damaged file may crash.

    `container=False` does not let FFmpeg read the container, where such crashes happen. Raises
    SoundFileError. Any thread may call it.
    """
    return read_tags(path, ask_container=read_container if container else _know_nothing)


def _know_nothing(_: Path) -> Container:
    raise SoundFileError("its container is not looked at")
