"""A disk whose power is cut: what was synced is there, of the rest anything may be.

Knows the records of shim.c and what a file system promises; must not know databases.

What is promised: the bytes of a file that were there when it was synced, and the names in a folder
that were there when the folder was synced. Names change in order; the bytes that were written since
may be there or not, sector by sector, in any order. A write leaves its neighbours alone.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from .shim import Kind

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

SECTOR: Final = 512
_HEAD: Final = struct.Struct("=iiqq")

Cut: TypeAlias = Literal["all is there", "nothing unsynced", "a torn tail", "any sectors"]
CUTS: Final[tuple[Cut, ...]] = (
    "all is there",
    "nothing unsynced",
    "a torn tail",
    "a torn tail",
    "any sectors",
    "any sectors",
)


@dataclass(frozen=True, slots=True)
class Record:
    """One call: what it was about, where, and what was written."""

    kind: Kind
    path: str
    offset: int
    content: bytes


def records(log: bytes) -> Iterator[Record]:
    """Read what the shim has recorded."""
    at = 0
    while at < len(log):
        kind, path_length, offset, length = _HEAD.unpack_from(log, at)
        at += _HEAD.size
        path = log[at : at + path_length].decode()
        at += path_length
        yield Record(Kind(kind), path, offset, log[at : at + length])
        at += length


Change: TypeAlias = tuple[int, bytes] | int
"""Bytes at an offset, or a new length."""


@dataclass
class _File:
    durable: bytes = b""
    pending: list[Change] = field(default_factory=list)

    def sync(self) -> None:
        self.durable = _with(self.durable, self.pending)
        self.pending = []


def _with(content: bytes, changes: list[Change]) -> bytes:
    grown = bytearray(content)
    for change in changes:
        if isinstance(change, int):
            del grown[change:]
            grown.extend(bytes(change - len(grown)))
            continue
        offset, written = change
        grown.extend(bytes(max(0, offset - len(grown))))
        grown[offset : offset + len(written)] = written
    return bytes(grown)


class Disk:
    """A folder's files as they are written, and what may be left of them at any moment."""

    def __init__(self, folder: Path) -> None:
        """Begin with the files that a folder has, all of them synced."""
        self._folder = str(folder)
        self._now: dict[str, _File] = {}
        for each in folder.iterdir():
            self._now[str(each)] = _File(each.read_bytes())
        self._names = [dict(self._now)]
        """The folder as it was when it was last synced, and after each change of a name since."""

    def apply(self, record: Record) -> None:
        """Do what a program did."""
        if record.kind is Kind.SYNC and record.path.rstrip("/") == self._folder.rstrip("/"):
            self._names = self._names[-1:]
            return
        if record.kind is Kind.OPEN and record.path not in self._now:
            self._rename({record.path: _File()})
        elif record.kind is Kind.UNLINK:
            self._rename({}, gone=record.path)
        elif record.kind is Kind.RENAME:
            target = record.content.decode()
            self._rename({target: self._now[record.path]}, gone=record.path)
        if record.kind not in (Kind.OPEN, Kind.WRITE, Kind.TRUNCATE, Kind.SYNC):
            return
        file = self._now.get(record.path)
        if file is None:  # it has lost its name: nobody finds it again
            return
        if record.kind is Kind.OPEN:
            file.pending.append(0)
        elif record.kind is Kind.WRITE:
            file.pending.append((record.offset, record.content))
        elif record.kind is Kind.TRUNCATE:
            file.pending.append(record.offset)
        else:
            file.sync()

    def _rename(self, new: dict[str, _File], gone: str = "") -> None:
        self._now = {name: file for name, file in self._now.items() if name != gone} | new
        self._names.append(dict(self._now))

    def cut(self, how: Cut, chance: random.Random) -> dict[str, bytes]:
        """Return what is left of each file when the power is cut now."""
        if how == "all is there":
            names = self._names[-1]
        elif how == "nothing unsynced":
            names = self._names[0]
        else:
            names = chance.choice(self._names)
        return {name: _left(file, how, chance) for name, file in names.items()}


def _left(file: _File, how: Cut, chance: random.Random) -> bytes:
    changes = file.pending
    if how == "all is there":
        return _with(file.durable, changes)
    if how == "nothing unsynced" or not changes:
        return file.durable
    if how == "a torn tail":
        kept = chance.randint(0, len(changes) - 1)
        tail = _sectors(changes[kept])
        return _with(file.durable, changes[:kept] + tail[: chance.randint(0, len(tail))])
    part = chance.random()
    every = [sector for change in changes for sector in _sectors(change)]
    return _with(file.durable, [_worn(each, chance) for each in every if chance.random() < part])


def _sectors(change: Change) -> list[Change]:
    """Split a write where the disk does."""
    if isinstance(change, int):
        return [change]
    offset, written = change
    first = -offset % SECTOR
    places = [0, *range(first or SECTOR, len(written), SECTOR), len(written)]
    return [(offset + begin, written[begin:end]) for begin, end in pairwise(places)]


def _worn(change: Change, chance: random.Random) -> Change:
    """Make garbage of one sector in 20: it was being written when the power went."""
    if isinstance(change, int) or chance.random() > 0.05:
        return change
    return change[0], chance.randbytes(len(change[1]))
