"""Queries on a library's content: lists, details of one thing, and statistics.

    with library.reader() as session:
        page = browse.songs(session, "artist:nina sinner")

Every function reads through the Session of a `library.reader()` and returns plain values, which are
independent of the Session. Lists have pages, in the order of an index, so that a page of a million
passages takes no longer than a page of a thousand.

Files without MusicBrainz ids are shown with the text of their tags.
"""

from __future__ import annotations

from wkmp_orm.browse.details import (
    AlbumDetails,
    ArtistDetails,
    FileDetails,
    PassageDetails,
    SongDetails,
)
from wkmp_orm.browse.entities import albums, artists
from wkmp_orm.browse.entries import (
    AlbumEntry,
    ArtistEntry,
    DuplicateEntry,
    FailureEntry,
    FileEntry,
    PassageEntry,
    SongEntry,
)
from wkmp_orm.browse.files import duplicates, failures, files, passages
from wkmp_orm.browse.pages import Page
from wkmp_orm.browse.songs import songs
from wkmp_orm.browse.statistics import FormatStatistics, Statistics, statistics
from wkmp_orm.browse.things import Details, Entry, details, find
from wkmp_orm.models.orphans import Orphans

__all__ = [
    "AlbumDetails",
    "AlbumEntry",
    "ArtistDetails",
    "ArtistEntry",
    "Details",
    "DuplicateEntry",
    "Entry",
    "FailureEntry",
    "FileDetails",
    "FileEntry",
    "FormatStatistics",
    "Orphans",
    "Page",
    "PassageDetails",
    "PassageEntry",
    "SongDetails",
    "SongEntry",
    "Statistics",
    "albums",
    "artists",
    "details",
    "duplicates",
    "failures",
    "files",
    "find",
    "passages",
    "songs",
    "statistics",
]
