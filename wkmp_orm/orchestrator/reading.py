"""Hashes files and reads their tags, on this machine or in the workers of an executor.

On this machine a worker thread does it: hashing releases the GIL, and reading tags takes a
millisecond. An executor does both in one job, so that the file need not come to this machine. The
import checks for a copy before it pays for decoding. The results are the same either way.
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
    """Return whether a file could not be read because it crashed its decoder."""
    return isinstance(error.__cause__, DecoderDiedError)


def _of_worker(file: FileInProgress, job: Callable[..., Any]) -> Any:
    """Run a job in a worker; if the worker crashes, run it again without reading the container."""
    try:
        return file.context.compute(job, file.place)
    except SoundFileError as error:
        if not crashed(error):
            raise
        # On this machine such a crash loses only the container's data; here it lost the whole job.
        return file.context.compute(job, file.place, container=False)


def _read_here(file: FileInProgress) -> Tags:
    def ask_container(place: Path) -> Container:
        container: Container = file.context.compute(read_container, place)
        return container

    return read_tags(file.place, ask_container=ask_container)
