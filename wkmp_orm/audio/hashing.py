"""Computes the SHA-256 of a file's bytes, by which equal files are found."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from wkmp_orm.audio.opening import opened, unreadable

if TYPE_CHECKING:
    from pathlib import Path


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content as 64 lower-case hexadecimal digits.

    Raises SoundFileError if the file is empty (all empty files would be duplicates of each other),
    cannot be read, or changes while it is read: a file that is still being copied has a hash that
    the finished file will not have. Any thread may call it; the GIL is released while it hashes
    (about 1.4 GB/s with SHA instructions).
    """
    with opened(path) as file:
        before = os.fstat(file.fileno())
        digest = hashlib.file_digest(file, "sha256")
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise unreadable(path, "changed while it was read: import it again when it is finished")
    return digest.hexdigest()
