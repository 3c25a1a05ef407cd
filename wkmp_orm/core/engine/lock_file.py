"""Advisory lock files at which processes queue, with a note that says who holds the lock."""

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

# Held while a descriptor is open that the fork hook below cannot find: a child that inherited it
# would share its lock, and keep it for as long as the child lives.
_unrecorded = threading.RLock()
_files: WeakSet[LockFile] = WeakSet()


class LockFile:
    """One exclusive `flock` on one file, which is never deleted.

    The kernel gives the lock up when the process ends, however it ends. A forked child gives up
    its copy of the descriptor at once, and so leaves the lock to its parent alone.
    Not thread-safe, except for `holder`; `lock` may run beside anything but `close`.
    """

    def __init__(self, path: str) -> None:
        """Only name the file; `open` makes it."""
        self.path = path
        self._descriptor = -1
        _files.add(self)

    def __del__(self) -> None:
        """Leave no descriptor behind."""
        self.close()

    def open(self, database: str) -> None:
        """Open the file, made if need be with the mode, owner and group of `database`.

        Raises OSError where that cannot be, also on a system without `flock`, and
        DatabaseUnavailableError for what is not a regular file with one name: a link, a pipe.
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
        """Wait for the lock without a deadline. Linux serves its sleeping waiters in order."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def unlock(self) -> None:
        """Give the lock back; harmless when it is not held or the file is closed."""
        if self._descriptor >= 0:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def sign(self, phase: str, since: float) -> None:
        """Write into the file who holds it; `since` is `time.time()`. Only for the lock's holder.

        It is not wiped when the lock is given back: the note counts while the lock is held. Where
        there is no room for it, it is left out: that a disk is full is for the database to say.
        """
        # Not through mapped memory, which ends the process with SIGBUS where the disk is full and
        # the file has a hole, or is cut at this moment. It is not slower: 1.6 to 3.2 us, where the
        # look at the file's size and the store took 4.3 to 4.9 us (ext4, 2 busy cores).
        with suppress(OSError):
            os.pwrite(self._descriptor, _note(phase, since), 0)

    def wipe(self) -> None:
        """Take the note out before the lock is given back, where that is seldom.

        Without it, whoever asks between the next holder's lock and its note reads this one's.
        """
        os.pwrite(self._descriptor, b" " * NOTE_BYTES, 0)

    def holder(self) -> LockHolder | None:
        """Read who holds the lock; None when nobody does or no one can tell. Any thread."""
        if sys.platform == "win32":
            return None
        # A descriptor of its own: a lock asked for on ours would be ours.
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
        """Close the file, which gives the lock back unless a child process shares it."""
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
    # A database that is not there yet will get what 0644 and the umask leave, as this file did.
    with suppress(OSError):
        make_like(descriptor, Path(database).stat())
    return descriptor


def _note(phase: str, since: float) -> bytes:
    text = f"{os.getpid()}\t{since:.6f}\t{HOST}\t{phase}".encode(errors="replace")
    text = text[: NOTE_BYTES - 10].ljust(NOTE_BYTES - 10)
    return b"%08x\t%b\n" % (zlib.crc32(text), text)


def _read_note(note: bytes) -> LockHolder | None:
    checksum, _, text = note[:-1].partition(b"\t")
    # The checksum refuses a note that is being written at this moment.
    if checksum != b"%08x" % zlib.crc32(text):
        return None
    try:
        pid, since, host, phase = text.decode(errors="ignore").rstrip(" ").split("\t", 3)
        return LockHolder(int(pid), host, phase, datetime.fromtimestamp(float(since), UTC))
    except (ValueError, OverflowError, OSError):  # somebody else wrote it, checksum and all
        return None


def _give_up_in_child() -> None:
    # Closed, never unlocked: the lock belongs to the open file, which the parent still has.
    for file in _files:
        file.close()
    _unrecorded.release()


if sys.platform != "win32":
    os.register_at_fork(
        before=_unrecorded.acquire,
        after_in_parent=_unrecorded.release,
        after_in_child=_give_up_in_child,
    )
