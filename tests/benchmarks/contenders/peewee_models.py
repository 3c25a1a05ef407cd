"""peewee: `insert_many` of tuples on models of our tables, prefetch, one transaction a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import peewee

from tests.benchmarks.by_hand import COLUMNS, NATURAL_KEYS, Known, make_rows
from tests.benchmarks.databases import PRAGMAS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.benchmarks.work import Recording


def _field(column: str) -> peewee.Field:
    if column in {"start_time_ticks", "end_time_ticks"}:
        return peewee.BigIntegerField()
    if column == "weight":
        return peewee.FloatField()
    return peewee.TextField(primary_key=column == "guid")


def _model(database: peewee.SqliteDatabase, table: str) -> Any:
    names = COLUMNS[table].split(", ")
    options: dict[str, Any] = {"database": database, "table_name": table}
    if "guid" not in names:
        options["primary_key"] = peewee.CompositeKey(*names[:2])
    meta = type("Meta", (), options)
    return type(table, (peewee.Model,), {"Meta": meta, **{name: _field(name) for name in names}})


class PeeweeInsertMany:
    """Records files through one database of peewee's."""

    def __init__(self, path: Path) -> None:
        pragmas = [tuple(pragma.removeprefix("PRAGMA ").split(" = ")) for pragma in PRAGMAS]
        self._database = peewee.SqliteDatabase(str(path), pragmas=pragmas)
        self._models = {table: _model(self._database, table) for table in COLUMNS}

    def record(self, recording: Recording) -> None:
        """Record one file."""
        songs = [track.song for track in recording.tracks]
        rows = make_rows(
            recording,
            self._known("artists", {song.artist_mbid for song in songs}),
            self._known("songs", [song.recording_mbid for song in songs]),
            self._known("albums", [recording.album_mbid]),
        )
        with self._database.atomic("IMMEDIATE"):
            for (table, model), values in zip(self._models.items(), rows, strict=True):
                if values:
                    fields = [getattr(model, name) for name in COLUMNS[table].split(", ")]
                    insert = model.insert_many(values, fields=fields)
                    if table == "song_artists":
                        insert = insert.on_conflict_ignore()
                    insert.execute()

    def _known(self, table: str, keys: Iterable[str]) -> Known:
        model = self._models[table]
        key = getattr(model, NATURAL_KEYS[table])
        return dict(model.select(key, model.guid).where(key.in_(list(keys))).tuples())

    def close(self) -> None:
        """Close the connection."""
        self._database.close()
