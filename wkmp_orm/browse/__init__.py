"""What is in a library, for people and programs: lists, one thing with all that is known, numbers.

    with library.reader() as session:
        page = browse.songs(session, "artist:nina sinner")

Every function reads through the Session of a `library.reader()` and answers with values that know
no Session. Lists come in pages, in an order that an index has, so that a page of a million passages
costs what one of a thousand does. Must not know a command line.

Files without MusicBrainz ids are shown by what their tags say.
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
