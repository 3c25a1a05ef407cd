"""What no file that is there refers to: whether it is apart from the rest, and complete.

Knows the tables and what a prune deletes; must not know how an import leaves it behind.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from tests.support.imports import table
from wkmp_orm import Album, Artist, File, Library, Passage, Song, Work
from wkmp_orm.models import PassageAlbum, PassageSong, SongArtist, SongWork
from wkmp_orm.phases.pruning import Deleted, delete_orphans

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

ENTITIES: Final[dict[Any, str]] = {
    Song: "recording_mbid",
    Artist: "artist_mbid",
    Album: "album_mbid",
    Work: "work_mbid",
}


class _NotMeantError(Exception):
    """Takes the prune back."""


def keys(library: Library) -> dict[str, str]:
    """Return the id or placeholder of every entity, by its guid."""
    return {
        guid: key
        for model, column in ENTITIES.items()
        for guid, key in table(library, model, "guid", column)
    }


def tuned(library: Library) -> set[str]:
    """Return the guids of the entities that a user tuned."""
    return {
        guid
        for model in (Song, Artist, Work)
        for guid, probability in table(library, model, "guid", "base_probability")
        if probability != 1.0
    }


def would_be_pruned(library: Library) -> set[str]:
    """Return the guids of what `prune --orphans` would delete of a library."""
    before = keys(library).keys()
    left: set[str] = set()
    with suppress(_NotMeantError), library.begin_monitored("prune") as session:
        delete_orphans(session, Deleted())
        for model in ENTITIES:
            left |= set(session.scalars(model.__table__.select().with_only_columns(model.guid)))
        raise _NotMeantError
    return set(before) - left


def referred_to(library: Library, rows: Iterable[str]) -> set[str]:
    """Return the guids of all entities among these rows and what they refer to, however far."""
    found = set(rows)
    for link, one, other in (
        (PassageSong, "passage_id", "song_id"),
        (PassageAlbum, "passage_id", "album_id"),
        (Passage, "guid", "song_id"),
        (SongArtist, "song_id", "artist_id"),
        (SongWork, "song_id", "work_id"),
        (Song, "guid", "work_id"),
    ):
        found |= {end for start, end in table(library, link, one, other) if start in found}
    return found & keys(library).keys()


def check_orphans(library: Library, fresh: Library, kept: Collection[str]) -> None:
    """Check that what a fresh import would not have is pruned, tuned, remembered or `kept`."""
    stored, wanted = keys(library), set(keys(fresh).values())
    orphans = would_be_pruned(library)
    assert not {stored[guid] for guid in orphans} & wanted
    missing = {
        guid for guid, since in table(library, File, "guid", "missing_since") if since is not None
    }
    remembering = [
        guid
        for guid, file, title in table(library, Passage, "guid", "file_id", "user_title")
        if title is not None or file in missing
    ]
    left = {guid for guid, key in stored.items() if key not in wanted.union(kept)}
    explained = orphans | referred_to(library, [*tuned(library), *remembering])
    assert left <= explained, {stored[guid] for guid in left - explained}
    assert orphans.isdisjoint(tuned(library))
    passages = (guid for (guid,) in table(library, Passage, "guid"))
    assert orphans.isdisjoint(referred_to(library, passages))
