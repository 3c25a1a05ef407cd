"""Our vocabulary with none of its promises: what calling it for each row costs by itself.

No value is checked, nothing is merged into known rows, nobody else may write, nothing is retried
or measured, and the references between rows are bound without asking whose they are. What it makes
is written as by hand. So what `wkmp_orm` takes beyond this is the price of what it promises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from tests.benchmarks.by_hand import COLUMNS, ByHand
from tests.benchmarks.contenders.ours import accumulate
from wkmp_orm import new_guid

if TYPE_CHECKING:
    from tests.benchmarks.work import Recording
    from wkmp_orm import UnitOfWork

BARE: Final = "the same calls, no promises"


class _Row:
    __slots__ = ("guid", "values")

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values
        self.guid = ""


class _Table:
    def __init__(self, natural_key: str) -> None:
        self.natural_key = natural_key
        self.rows: dict[str, _Row] = {}

    def put(self, **values: Any) -> _Row:
        key = values[self.natural_key]
        row = self.rows.get(key)
        if row is None:
            row = self.rows[key] = _Row(values)
        return row


class _Passages:
    def __init__(self) -> None:
        self.rows: list[_Row] = []

    def add(self, **values: Any) -> _Row:
        row = _Row(values)
        row.guid = new_guid()
        self.rows.append(row)
        return row


class _Links:
    def __init__(self) -> None:
        self.rows: dict[tuple[_Row, _Row], dict[str, Any]] = {}

    def link(self, left: _Row, right: _Row, **values: Any) -> None:
        self.rows[left, right] = values


class _Unit:
    def __init__(self) -> None:
        self.artists = _Table("artist_mbid")
        self.songs = _Table("recording_mbid")
        self.albums = _Table("album_mbid")
        self.passages = _Passages()
        self.passage_songs = _Links()
        self.song_artists = _Links()
        self.passage_albums = _Links()


class BareVocabulary(ByHand):
    """Records files as `ByHand` does, through calls like ours."""

    def record(self, recording: Recording) -> None:
        """Accumulate a file, read what is known, then write everything in one transaction."""
        unit = _Unit()
        accumulate(cast("UnitOfWork", unit), recording)
        rows = {
            "artists": self._new("artists", unit.artists),
            "songs": self._new("songs", unit.songs),
            "albums": self._new("albums", unit.albums),
        }
        rows["passages"] = [
            (row.guid, *values[:-1], values[-1].guid)
            for row in unit.passages.rows
            for values in (list(row.values.values()),)
        ]
        for name in ("passage_songs", "song_artists", "passage_albums"):
            links: _Links = getattr(unit, name)
            rows[name] = [
                (left.guid, right.guid, *values.values())
                for (left, right), values in links.rows.items()
            ]
        self.write([rows[table] for table in COLUMNS])

    def _new(self, name: str, table: _Table) -> list[tuple[Any, ...]]:
        known = self.known(name, table.rows)
        rows = []
        for key, row in table.rows.items():
            row.guid = known.get(key) or new_guid()
            if key not in known:
                rows.append((row.guid, *row.values.values()))
        return rows
