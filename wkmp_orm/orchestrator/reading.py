"""How a file is read: on this machine, or by the workers of an executor, which may be others.

Here a worker's thread hashes the file and reads its tags: that releases the interpreter's lock, or
takes a millisecond. Elsewhere both are one job, so that no byte of the music comes to this machine;
what it decides is whether the file is a copy, before anybody pays for decoding it. What comes of it
is the same. Must not know what is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wkmp_orm.audio import read_tags, sha256_of
from wkmp_orm.audio.container import Container, read_container
from wkmp_orm.audio.decoders.decoder import DecoderDiedError
from wkmp_orm.audio.first_look import FirstLook, look_at, tags_at
from wkmp_orm.errors import SoundFileError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wkmp_orm.audio import Tags
    from wkmp_orm.orchestrator.file_in_progress import FileInProgress


def hash_of(file: FileInProgress) -> str:
    """Return a file's SHA-256. Raises SoundFileError."""
    if file.sha256 is not None:
        return file.sha256
    if not file.context.reads_elsewhere:
        return sha256_of(file.place)
    look: FirstLook = _of_worker(file, look_at)
    if look.tags is not None:
        file.tags = look.tags
    return look.sha256


def tags_of(file: FileInProgress) -> Tags:
    """Return a file's tags. Raises SoundFileError."""
    if not file.context.reads_elsewhere:
        return _read_here(file)
    if file.has_tags:
        return file.tags
    tags: Tags = _of_worker(file, tags_at)
    return tags


def crashed(error: SoundFileError) -> bool:
    """Say whether a file could not be read because its decoder died of it."""
    return isinstance(error.__cause__, DecoderDiedError)


def _of_worker(file: FileInProgress, job: Callable[..., Any]) -> Any:
    """Have a worker do a job, without asking the container where that has killed one."""
    try:
        return file.context.compute(job, file.place)
    except SoundFileError as error:
        if not crashed(error):
            raise
        # Here a container that crashes its decoder costs the file what it alone knows. There all
        # of the job was lost with it.
        return file.context.compute(job, file.place, container=False)


def _read_here(file: FileInProgress) -> Tags:
    def ask_container(place: Path) -> Container:
        container: Container = file.context.compute(read_container, place)
        return container

    return read_tags(file.place, ask_container=ask_container)
