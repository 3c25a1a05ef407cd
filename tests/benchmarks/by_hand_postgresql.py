"""The limit on PostgreSQL: the same recording through psycopg, by executemany or by COPY."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import psycopg
from sqlalchemy.engine import make_url

from tests.benchmarks.by_hand import COLUMNS, NATURAL_KEYS, Known, make_rows
from tests.benchmarks.databases import MODIFICATION_TIME

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.benchmarks.work import Recording

INSERTS: Final = {
    table: (
        f"INSERT INTO {table} ({columns}) VALUES ({', '.join('%s' for _ in columns.split(','))})"
        + (" ON CONFLICT DO NOTHING" if table == "song_artists" else "")
    )
    for table, columns in COLUMNS.items()
}


class ByExecutemany:
    """Records files through one connection; psycopg sends an executemany as a pipeline."""

    def __init__(self, url: str) -> None:
        self.connection = connect(url)

    def record(self, recording: Recording) -> None:
        """Record one file: read what is known, then write everything in one transaction."""
        songs = [track.song for track in recording.tracks]
        with self.connection.cursor() as cursor:
            rows = make_rows(
                recording,
                _known(cursor, "artists", {song.artist_mbid for song in songs}),
                _known(cursor, "songs", [song.recording_mbid for song in songs]),
                _known(cursor, "albums", [recording.album_mbid]),
            )
            for table, values in zip(COLUMNS, rows, strict=True):
                if values:
                    self.send(cursor, table, values)
        self.connection.commit()

    def send(self, cursor: psycopg.Cursor[Any], table: str, rows: list[tuple[Any, ...]]) -> None:
        """Send the rows of one table."""
        cursor.executemany(INSERTS[table], rows)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


class ByCopy(ByExecutemany):
    """The same by COPY, but for the links that may be there already: COPY has no ON CONFLICT."""

    def send(self, cursor: psycopg.Cursor[Any], table: str, rows: list[tuple[Any, ...]]) -> None:
        """Send the rows of one table."""
        if table == "song_artists":
            cursor.executemany(INSERTS[table], rows)
        else:
            copy_rows(cursor, table, COLUMNS[table], rows)


def copy_rows(
    cursor: psycopg.Cursor[Any], table: str, columns: str, rows: Iterable[tuple[Any, ...]]
) -> None:
    """COPY rows into a table."""
    with cursor.copy(f"COPY {table} ({columns}) FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(row)


def connect(url: str) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect to the database that SQLAlchemy's URL names."""
    conninfo = make_url(url).set(drivername="postgresql")
    return psycopg.connect(conninfo.render_as_string(hide_password=False))


def add_files(url: str, recordings: Sequence[Recording]) -> None:
    """Insert the rows of files, as a scan has done before anything is recorded."""
    with connect(url) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO files (guid, path, modification_time) VALUES (%s, %s, %s)",
            [(one.file_guid, one.path, MODIFICATION_TIME) for one in recordings],
        )


def _known(cursor: psycopg.Cursor[Any], table: str, values: Iterable[str]) -> Known:
    key = NATURAL_KEYS[table]
    query = f"SELECT {key}, guid::text FROM {table} WHERE {key} = ANY(%s)"
    return dict(cursor.execute(query.encode(), [list(values)]).fetchall())
