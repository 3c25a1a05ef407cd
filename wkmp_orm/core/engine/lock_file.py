"""Advisory lock files that processes queue for; a note in the file names the lock's holder."""

from __future__ import annotations

import os
import sys
import threading
import zlib
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from socket import gethostname
from weakref import WeakSet

from wkmp_orm.core.engine.own_files import make_like, open_own
from wkmp_orm.core.errors import DatabaseUnavailableError, LockHolder

if sys.platform != "win32":
    import fcntl

NOTE_BYTES = 256
HOST = gethostname()

# Held while a descriptor is open but not yet in `_files`, where the fork hook below looks. A child
# that inherited such a descriptor would share its lock for as long as the child lives.
_unrecorded = threading.RLock()
_files: WeakSet[LockFile] = WeakSet()


class LockFile:
    """One exclusive `flock` on one file, which is never deleted.

    The kernel releases the lock when the process ends, however it ends. A forked child closes its
    copy of the descriptor immediately, so that only its parent holds the lock.
    Not thread-safe, except for `holder`; `lock` may run beside every method but `close`.
    """

    def __init__(self, path: str) -> None:
        """Name the file; `open` creates it."""
        self.path = path
        self._descriptor = -1
        _files.add(self)

    def __del__(self) -> None:
        """Close the descriptor."""
        self.close()

    def open(self, database: str) -> None:
        """Open the file; create it if need be, with the mode, owner and group of `database`.

        Raises OSError if the file cannot be opened or the system has no `flock`, and
        DatabaseUnavailableError if it is not a regular file with one name: a link, a pipe.
        """
        if sys.platform == "win32":
            raise OSError(0, "this system has no flock", self.path)
        if self._descriptor < 0:
            with _unrecorded:
                self._descriptor = _open_or_create(self.path, database)

    def try_lock(self) -> bool:
        """Take the lock if it is free now. Raises OSError where the file system has no locks."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def lock(self) -> None:
        """Wait for the lock without a deadline. Linux serves sleeping waiters in order."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def unlock(self) -> None:
        """Release the lock; do nothing if it is not held or the file is closed."""
        if self._descriptor >= 0:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def sign(self, phase: str, since: float) -> None:
        """Write the holder's note into the file; `since` is `time.time()`. Only the holder may.

        The note counts only while the lock is held, so releasing the lock need not erase it. If
        there is no room for it, the note is left out: the database will report the full disk.
        """
        # Mapped memory would end the process with SIGBUS if the disk is full and the file has a
        # hole, or if the file is truncated at this moment. `pwrite` is not slower: 1.6 to 3.2 us,
        # against 4.3 to 4.9 us for a size check and the store (ext4, 2 busy cores).
        with suppress(OSError):
            os.pwrite(self._descriptor, _note(phase, since), 0)

    def wipe(self) -> None:
        """Erase the note before the lock is released, for locks that change hands seldom.

        Otherwise a reader that comes between the next holder's lock and its note sees this one.
        """
        os.pwrite(self._descriptor, b" " * NOTE_BYTES, 0)

    def holder(self) -> LockHolder | None:
        """Read who holds the lock; None if it is free or the holder is unknown. Any thread."""
        if sys.platform == "win32":
            return None
        # A separate descriptor: `flock` on ours would succeed, because we may hold the lock.
        with _unrecorded, suppress(OSError, DatabaseUnavailableError):
            descriptor = open_own(self.path, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _read_note(os.pread(descriptor, NOTE_BYTES, 0))
            finally:
                os.close(descriptor)
        return None

    def close(self) -> None:
        """Close the file, which releases the lock unless a child process shares it."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)


def _open_or_create(path: str, database: str) -> int:
    try:
        return open_own(path, os.O_RDWR)
    except FileNotFoundError:
        pass
    try:
        descriptor = open_own(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:  # another process was quicker
        return open_own(path, os.O_RDWR)
    # If the database does not exist yet, it will get 0644 less the umask, as this file did.
    with suppress(OSError):
        make_like(descriptor, Path(database).stat())
    return descriptor


def _note(phase: str, since: float) -> bytes:
    text = f"{os.getpid()}\t{since:.6f}\t{HOST}\t{phase}".encode(errors="replace")
    text = text[: NOTE_BYTES - 10].ljust(NOTE_BYTES - 10)
    return b"%08x\t%b\n" % (zlib.crc32(text), text)


def _read_note(note: bytes) -> LockHolder | None:
    checksum, _, text = note[:-1].partition(b"\t")
    # The checksum rejects a note that is only half written.
    if checksum != b"%08x" % zlib.crc32(text):
        return None
    try:
        pid, since, host, phase = text.decode(errors="ignore").rstrip(" ").split("\t", 3)
        return LockHolder(int(pid), host, phase, datetime.fromtimestamp(float(since), UTC))
    except (ValueError, OverflowError, OSError):  # not our note, despite its checksum
        return None


def _give_up_in_child() -> None:
    # Close, never unlock: the lock belongs to the open file, which the parent still uses.
    for file in _files:
        file.close()
    _unrecorded.release()


if sys.platform != "win32":
    os.register_at_fork(
        before=_unrecorded.acquire,
        after_in_parent=_unrecorded.release,
        after_in_child=_give_up_in_child,
    )
