"""Flavoring: stores the musical flavor of a file's songs, or that no source has one.

A song keeps its first flavor, whichever file brought it: the statement checks that, not an earlier
read. Where flavors come from does not matter here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import sqlalchemy as sa

from wkmp_orm.core.flush.senders import Query
from wkmp_orm.core.types import Json, new_guid, utc_now
from wkmp_orm.models import (
    ImportProvenance,
    Passage,
    PassageSong,
    Song,
    SongStatus,
    SourceType,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wkmp_orm.library import Library
    from wkmp_orm.work import UnitOfWork


class Flavor(Protocol):
    """A flavor of a song, as a source returns it."""

    @property
    def vector(self) -> dict[str, Any]:
        """The characteristics, as a flat JSON object."""

    @property
    def source(self) -> str:
        """The source's name, for example "AcousticBrainz"."""


@dataclass(frozen=True, slots=True)
class PendingSong:
    """A song that has no flavor yet, and the longest span of the file in which it is heard.

    The span is in ticks from the file's start.
    """

    guid: str
    recording_mbid: str
    start_time_ticks: int
    end_time_ticks: int


_of_file: Final = sa.bindparam("of_file", type_=Passage.file_id.type)
_start: Final = Passage.start_time_ticks + PassageSong.start_time_ticks
_length: Final = PassageSong.end_time_ticks - PassageSong.start_time_ticks
_PENDING_SONGS: Final = (
    sa.select(Song.guid, Song.recording_mbid, _start, _start + _length)
    .join(PassageSong, PassageSong.song_id == Song.guid)
    .join(Passage, PassageSong.passage_id == Passage.guid)
    .where(Passage.file_id == _of_file, Song.status == SongStatus.PENDING)
    .order_by(_length.desc(), _start, Song.guid)
)

# FLAVORING FAILED is replaced by a flavor: another file may bring what the first one lacked.
_SETTLE: Final = (
    sa.update(Song)
    .where(
        Song.guid == sa.bindparam("of_song", type_=Song.guid.type),
        sa.or_(
            Song.status == SongStatus.PENDING,
            Song.status == sa.bindparam("or_from", type_=Song.status.type),
        ),
    )
    .values(
        status=sa.bindparam("settled", type_=Song.status.type),
        # A stored flavor stays, with its source: it may have come from another program.
        flavor_vector=sa.func.coalesce(Song.flavor_vector, sa.bindparam("vector", type_=Json())),
        flavor_source_blend=sa.case(
            (
                Song.flavor_vector.is_(None),
                sa.func.coalesce(sa.bindparam("blend", type_=Json()), Song.flavor_source_blend),
            ),
            else_=Song.flavor_source_blend,
        ),
        updated_at=sa.bindparam("now", type_=Song.updated_at.type),
    )
)

_told: Final = sa.exists().where(
    ImportProvenance.passage_id == Passage.guid,
    ImportProvenance.source_type == SourceType.FLAVOR_EXTRACTOR,
)
_UNTOLD: Final = (
    sa.select(Passage.guid, Song.guid, Song.status)
    .join(PassageSong, PassageSong.passage_id == Passage.guid)
    .join(Song, PassageSong.song_id == Song.guid)
    .where(Passage.file_id == _of_file, ~_told)
)
_TELL: Final = sa.insert(ImportProvenance).from_select(
    ["id", "passage_id", "source_type", "data_extracted", "timestamp"],
    sa.select(
        sa.bindparam("of_id", type_=ImportProvenance.id.type),
        Passage.guid,
        sa.literal(SourceType.FLAVOR_EXTRACTOR, ImportProvenance.source_type.type),
        sa.bindparam("said", type_=Json()),
        sa.bindparam("now", type_=ImportProvenance.timestamp.type),
    ).where(
        Passage.guid == sa.bindparam("of_passage", type_=Passage.guid.type),
        ~_told,
        sa.exists().where(
            PassageSong.passage_id == Passage.guid,
            Song.guid == PassageSong.song_id,
            Song.status == SongStatus.FLAVOR_READY,
        ),
    ),
)
EXTRACTED: Final = {"has_metadata": False, "has_identity": False, "has_flavor": True}


def pending_songs(library: Library, file_guid: str) -> list[PendingSong]:
    """Return the songs of a file that have no flavor yet, each once, the longest span first."""
    songs: dict[str, PendingSong] = {}
    [found] = library.read(Query(_PENDING_SONGS, {"of_file": file_guid}))
    for row in found:
        songs.setdefault(row[0], PendingSong(*row))
    return list(songs.values())


def record_flavors(work: UnitOfWork, file_guid: str, flavors: Mapping[str, Flavor | None]) -> None:
    """Settle songs of a file, by guid: FLAVOR READY with a flavor, FLAVORING FAILED with None.

    A song that is already FLAVOR READY does not change, whichever file or program set it; a song
    whose flavoring failed takes a flavor. Each of the file's passages whose songs are then ready
    gets one flavor extraction in its provenance. Call this through `in_unit_of_work`, even with no
    flavors: it reads before it writes, and writes nothing if nothing changed.
    """
    [untold] = work.read(Query(_UNTOLD, {"of_file": file_guid}))
    now = utc_now()
    # In a fixed order, so that two files with the same songs do not deadlock.
    settled = [_settled(guid, flavors[guid]) | {"now": now} for guid in sorted(flavors)]
    if settled:
        work.execute(_SETTLE, settled)
    told = {
        passage
        for passage, song, status in untold
        if status is SongStatus.FLAVOR_READY or flavors.get(song) is not None
    }
    if told:
        work.lock(f"passages:{file_guid}")
        work.execute(
            _TELL,
            [
                {"of_id": new_guid(), "of_passage": passage, "said": EXTRACTED, "now": now}
                for passage in sorted(told)
            ],
        )


def _settled(guid: str, flavor: Flavor | None) -> dict[str, Any]:
    if flavor is None:
        return {
            "of_song": guid,
            "or_from": SongStatus.PENDING,
            "settled": SongStatus.FLAVORING_FAILED,
            "vector": None,
            "blend": None,
        }
    return {
        "of_song": guid,
        "or_from": SongStatus.FLAVORING_FAILED,
        "settled": SongStatus.FLAVOR_READY,
        "vector": flavor.vector | {"source": flavor.source.lower()},
        "blend": [flavor.source],
    }
