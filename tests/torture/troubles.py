"""What happens to an action: a call fails, the disk is full, no descriptor is left.

Knows the shim and the operating system; must not know what the action is.
"""

from __future__ import annotations

import errno
import os
import resource
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from .shim import Kind, Shim

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

ERRORS: Final[Mapping[Kind, tuple[int, ...]]] = {
    Kind.OPEN: (errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EINTR),
    Kind.READ: (errno.EIO, errno.EINTR),
    Kind.WRITE: (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EINTR),
    Kind.SYNC: (errno.EIO, errno.ENOSPC, errno.EINTR),
    Kind.TRUNCATE: (errno.EIO, errno.ENOSPC, errno.EINTR),
    Kind.MMAP: (errno.ENOMEM, errno.EMFILE, errno.EIO),
    Kind.UNLINK: (errno.EIO,),
    Kind.RENAME: (errno.EIO, errno.ENOSPC),
}


class Trouble(Protocol):
    """One thing that goes wrong from `begin` to `end`."""

    def begin(self, shim: Shim) -> None:
        """Have it go wrong from now on."""

    def end(self, shim: Shim) -> int:
        """Have all be well again, and return how often it has gone wrong; -1 if nobody knows."""


@dataclass(frozen=True)
class FailingCall:
    """The n-th call of a kind fails, and so many behind it."""

    kind: Kind
    nth: int
    error: int
    times: int

    @classmethod
    def drawn(cls, calls: Mapping[Kind, int], chance: random.Random) -> FailingCall:
        """Draw one of the calls that an undisturbed action makes."""
        kind = chance.choice([kind for kind in ERRORS if calls.get(kind, 0)])
        error = chance.choice(ERRORS[kind])
        # What is interrupted is tried again at once, for as long as it is interrupted.
        times = chance.choice((1, 3) if error == errno.EINTR else (1, 1, 3, -1))
        return cls(kind, chance.randint(1, calls[kind]), error, times)

    def __str__(self) -> str:
        how_long = "for good" if self.times < 0 else f"{self.times} times"
        return f"{self.kind.name} {self.nth} fails {how_long} with {errno.errorcode[self.error]}"

    def begin(self, shim: Shim) -> None:
        shim.fail(self.kind, self.nth, self.error, self.times)

    def end(self, shim: Shim) -> int:
        shim.disarm()
        return shim.fired()


@dataclass(frozen=True)
class FullDisk:
    """Only so many more bytes can be written; the write that passes them is cut short."""

    room: int

    def __str__(self) -> str:
        return f"the disk is full after {self.room} bytes"

    def begin(self, shim: Shim) -> None:
        shim.leave_room(self.room)

    def end(self, shim: Shim) -> int:
        shim.disarm()
        return shim.fired()


@dataclass
class FewDescriptors:
    """Only so many more files can be opened."""

    free: int
    _taken: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.free} descriptors are left"

    def begin(self, shim: Shim) -> None:  # noqa: ARG002 - this is the system's own
        _limit_descriptors(100)
        with suppress(OSError):
            while True:
                self._taken.append(os.open(os.devnull, os.O_RDONLY))
        for _ in range(self.free):
            os.close(self._taken.pop())

    def end(self, shim: Shim) -> int:  # noqa: ARG002
        for each in self._taken:
            os.close(each)
        _limit_descriptors(resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        return -1


def _limit_descriptors(number: int) -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(number, most), most))
