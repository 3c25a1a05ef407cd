"""Django: `bulk_create` on models of our tables, prefetch, one transaction a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import django
from django.conf import settings
from django.db import connections, models, transaction

from tests.benchmarks.by_hand import COLUMNS, NATURAL_KEYS, Known, make_rows
from tests.benchmarks.databases import PRAGMAS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.benchmarks.work import Recording

INTEGERS = {"start_time_ticks", "end_time_ticks"}
KEYS = {
    "passage_songs": ("passage_id", "song_id"),
    "song_artists": ("song_id", "artist_id"),
    "passage_albums": ("passage_id", "album_id"),
}

if not settings.configured:
    settings.configure(USE_TZ=True, DATABASES={})
    django.setup()


def _field(table: str, column: str) -> models.Field[Any, Any]:
    if column in INTEGERS:
        return models.BigIntegerField()
    if column == "weight":
        return models.FloatField()
    return models.TextField(primary_key=column == "guid" and table not in KEYS)


def _model(table: str) -> type[models.Model]:
    """Make the model of the columns that are written; the others have the schema's defaults."""
    meta = type("Meta", (), {"app_label": "benchmark", "db_table": table, "managed": False})
    fields: dict[str, Any] = {name: _field(table, name) for name in COLUMNS[table].split(", ")}
    if table in KEYS:
        fields["pk"] = models.CompositePrimaryKey(*KEYS[table])
    return type(table, (models.Model,), {"__module__": __name__, "Meta": meta, **fields})


MODELS: dict[str, Any] = {table: _model(table) for table in COLUMNS}


class DjangoBulkCreate:
    """Records files through a database connection of Django's."""

    def __init__(self, path: Path) -> None:
        self._alias = str(path)
        connections.settings[self._alias] = connections.configure_settings(
            {
                "default": {},
                self._alias: {
                    "ENGINE": "django.db.backends.sqlite3",
                    "NAME": str(path),
                    "OPTIONS": {
                        "transaction_mode": "IMMEDIATE",
                        "init_command": "; ".join(PRAGMAS),
                    },
                },
            }
        )[self._alias]

    def record(self, recording: Recording) -> None:
        """Record one file."""
        songs = [track.song for track in recording.tracks]
        rows = make_rows(
            recording,
            self._known("artists", {song.artist_mbid for song in songs}),
            self._known("songs", [song.recording_mbid for song in songs]),
            self._known("albums", [recording.album_mbid]),
        )
        with transaction.atomic(using=self._alias):
            for table, values in zip(COLUMNS, rows, strict=True):
                model, names = MODELS[table], COLUMNS[table].split(", ")
                model.objects.using(self._alias).bulk_create(
                    [model(**dict(zip(names, row, strict=True))) for row in values],
                    ignore_conflicts=table == "song_artists",
                )

    def _known(self, table: str, keys: Iterable[str]) -> Known:
        key = NATURAL_KEYS[table]
        query = MODELS[table].objects.using(self._alias).filter(**{f"{key}__in": list(keys)})
        return dict(query.values_list(key, "guid"))

    def close(self) -> None:
        """Close the connection."""
        connections[self._alias].close()
