"""SQLAlchemy's Session on our models: `add` for rows that are new, `merge` for every row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.benchmarks.by_hand import COLUMNS, NATURAL_KEYS, Known, make_rows
from tests.benchmarks.databases import PRAGMAS
from wkmp_orm.models import Base

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.benchmarks.by_hand import Rows
    from tests.benchmarks.work import Recording

MODELS = {mapper.local_table.description: mapper.class_ for mapper in Base.registry.mappers}


class SessionAdd:
    """Records files through a Session of their own each."""

    def __init__(self, path: Path) -> None:
        self.engine = create_engine(path)

    def record(self, recording: Recording) -> None:
        """Record one file: prefetch, add the new objects, commit."""
        with Session(self.engine) as session:
            rows = prefetched(session, recording)
            # The links of known songs are there already, and `add` has no ON CONFLICT.
            new_songs = {song[0] for song in rows.songs}
            links = [link for link in rows.song_artists if link[0] in new_songs]
            everything = list(instances(rows._replace(song_artists=links)))
            session.add_all(one for one in everything if hasattr(one, "guid"))
            session.flush()  # the links have no relationship to the rows that must come first
            session.add_all(everything)
            session.commit()

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()


class SessionMerge(SessionAdd):
    """The same with `merge`, which looks every row up by its key first."""

    def record(self, recording: Recording) -> None:
        """Record one file: prefetch, merge every object, commit."""
        with Session(self.engine) as session:
            for instance in instances(prefetched(session, recording)):
                session.merge(instance)
            session.commit()


def create_engine(path: Path) -> sa.Engine:
    """Make an engine with the PRAGMAs and the BEGIN that everyone has."""
    engine = sa.create_engine(f"sqlite:///{path}")

    @sa.event.listens_for(engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for pragma in PRAGMAS:
            connection.execute(pragma)

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def prefetched(session: Session, recording: Recording) -> Rows:
    """Read what is known, and make the rows of one file."""
    songs = [track.song for track in recording.tracks]
    return make_rows(
        recording,
        _known(session, "artists", {song.artist_mbid for song in songs}),
        _known(session, "songs", [song.recording_mbid for song in songs]),
        _known(session, "albums", [recording.album_mbid]),
    )


def _known(session: Session, table: str, keys: Iterable[str]) -> Known:
    columns = MODELS[table].__table__.c
    key = columns[NATURAL_KEYS[table]]
    found = session.execute(sa.select(key, columns.guid).where(key.in_(list(keys))))
    return {row[0]: row[1] for row in found}


def instances(rows: Rows) -> Iterator[Base]:
    """Turn rows into model instances, parents first."""
    for (table, columns), values in zip(COLUMNS.items(), rows, strict=True):
        names = columns.split(", ")
        for row in values:
            yield MODELS[table](**dict(zip(names, row, strict=True)))
