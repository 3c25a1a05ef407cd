"""What is asked of a sound file before it is decoded, in one go: its hash and its tags.

Both together where the file lies on another machine than its import: then it is read there once,
and the few hundred bytes that it comes to are all that travels.
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
    """The SHA-256 of a file, as hexadecimal digits, and its tags; None: they were not read."""

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

    Where they cannot be read they are None; `tags_at` says why. Raises SoundFileError when the file
    cannot be hashed, see `sha256_of`. Any thread may call it.
    """
    sha256 = sha256_of(path)
    found: Tags | None = None
    if tags:
        with suppress(Exception):  # whatever it is, `tags_at` raises it where it is expected
            found = tags_at(path, container=container, cancelled=cancelled)
    return FirstLook(sha256=sha256, tags=found)


def tags_at(
    path: Path,
    *,
    container: bool = True,
    cancelled: Callable[[], bool] = never,  # noqa: ARG001  it takes milliseconds
) -> Tags:
    """Read a sound file's tags, as `read_tags` does, in a process that may be lost by it.

    `container=False` does without FFmpeg's reading of the container, which a damaged file may
    crash. Raises SoundFileError. Any thread may call it.
    """
    return read_tags(path, ask_container=read_container if container else _know_nothing)


def _know_nothing(_: Path) -> Container:
    raise SoundFileError("its container is not looked at")
