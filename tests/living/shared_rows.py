"""What songs, artists, albums and works are called, and by whom: what files share.

Knows tables; must not know files, nor what must hold.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tests.support.imports import table
from wkmp_orm import Album, Artist, File, Passage, Song, Work
from wkmp_orm.models import PassageAlbum, PassageSong, SongArtist, SongWork

if TYPE_CHECKING:
    from wkmp_orm import Library


def works(library: Library) -> dict[str, set[str]]:
    """Return the works that each song records, by their ids."""
    found: dict[str, set[str]] = defaultdict(set)
    with library.reader() as session:
        for song, work in session.execute(
            sa.select(Song.recording_mbid, Work.work_mbid)
            .join(SongWork, SongWork.song_id == Song.guid)
            .join(Work, Work.guid == SongWork.work_id)
        ):
            found[song].add(work)
    return found


def shared(library: Library) -> dict[str, tuple[Any, ...]]:
    """Return what songs, artists and albums are called, by their ids."""
    return {
        key: tuple(values)
        for model, columns in (
            (Song, ("recording_mbid", "title", "artist_name")),
            (Artist, ("artist_mbid", "name")),
            (Album, ("album_mbid", "title", "release_date")),
            (Work, ("work_mbid", "title")),
        )
        for key, *values in table(library, model, *columns)
    }


def unclaimed(library: Library) -> dict[str, tuple[Any, ...]]:
    """Return what those are called to which no passage refers."""
    with library.reader() as session:
        claimed = set(session.scalars(sa.select(Song.recording_mbid).join(PassageSong)))
        claimed |= set(
            session.scalars(
                sa.select(Artist.artist_mbid).join(SongArtist).join(Song).join(PassageSong)
            )
        )
        claimed |= set(session.scalars(sa.select(Album.album_mbid).join(PassageAlbum)))
        claimed |= set(
            session.scalars(sa.select(Work.work_mbid).join(SongWork).join(Song).join(PassageSong))
        )
    recorded = {f"works of {song}": (*sorted(its),) for song, its in works(library).items()}
    return {
        key: values
        for key, values in (shared(library) | recorded).items()
        if key.removeprefix("works of ") not in claimed
    }


def speakers(library: Library) -> dict[str, set[str]]:
    """Return which files speak of each of those by their passages; of files that are there."""
    found: dict[str, set[str]] = defaultdict(set)
    with library.reader() as session:
        for file, *keys in session.execute(
            sa.select(
                File.guid,
                Song.recording_mbid,
                Artist.artist_mbid,
                Album.album_mbid,
                Work.work_mbid,
            )
            .join_from(Passage, File)
            .join(PassageSong, PassageSong.passage_id == Passage.guid)
            .join(Song, Song.guid == PassageSong.song_id)
            .outerjoin(SongArtist, SongArtist.song_id == Song.guid)
            .outerjoin(Artist, Artist.guid == SongArtist.artist_id)
            .outerjoin(SongWork, SongWork.song_id == Song.guid)
            .outerjoin(Work, Work.guid == SongWork.work_id)
            .outerjoin(PassageAlbum, PassageAlbum.passage_id == Passage.guid)
            .outerjoin(Album, Album.guid == PassageAlbum.album_id)
            .where(File.missing_since.is_(None))
        ):
            for key in keys:
                if key is not None:
                    found[key].add(file)
    return found


def said(library: Library) -> dict[str, set[tuple[Any, ...]]]:
    """Return what the files of a fresh library say of them, by their ids."""
    found: dict[str, set[tuple[Any, ...]]] = defaultdict(set)
    with library.reader() as session:
        for title, artist, album, year, song, artist_mbid, album_mbid, work in session.execute(
            sa.select(
                Passage.title,
                Passage.artist,
                Passage.album,
                File.year,
                Song.recording_mbid,
                Artist.artist_mbid,
                Album.album_mbid,
                Work.work_mbid,
            )
            .join_from(Passage, File)
            .join(Song, Song.guid == Passage.song_id)
            .join(SongArtist, SongArtist.song_id == Song.guid)
            .join(Artist, Artist.guid == SongArtist.artist_id)
            .join(SongWork, SongWork.song_id == Song.guid)
            .join(Work, Work.guid == SongWork.work_id)
            .join(PassageAlbum, PassageAlbum.passage_id == Passage.guid)
            .join(Album, Album.guid == PassageAlbum.album_id)
        ):
            found[song].add((title, artist))
            found[work].add((title,))
            found[artist_mbid].add((artist,))
            found[album_mbid].add((album, str(year)))
    return found
