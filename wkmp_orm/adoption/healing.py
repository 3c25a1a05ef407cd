"""Repairs that single tables need so that their rows keep our rules: one function for each rule.

The tables at the end of the module define when each function runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wkmp_orm.adoption.files import heal_files
from wkmp_orm.adoption.readings import LONG_AGO
from wkmp_orm.adoption.rebasing import rebase_paths
from wkmp_orm.adoption.workshop import TableReport, literal, staged
from wkmp_orm.models.import_session import IS_RUNNING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wkmp_orm.adoption.workshop import Workshop

MORE_THAN_ONE: Final = 1 + 1e-6
"""Shares such as 1/3 do not sum to exactly 1."""


def know_album_artists(work: Workshop) -> None:
    """Find the artists of albums without an id: an album whose passages all have one artist."""
    old = {name: work.old(name) for name in ("albums", "passages", "passage_albums")}
    if not all(old.values()) or "artist" not in old["passages"].names:  # type: ignore[union-attr]
        return
    work.run(
        "INSERT OR IGNORE INTO temp.adopt_album_artists"
        f" SELECT l.album_id, min(p.artist) FROM {staged('passage_albums')} AS l"
        f" JOIN {staged('passages')} AS p ON p.guid = l.passage_id"
        f" WHERE l.album_id IN (SELECT guid FROM {staged('albums')})"
        " GROUP BY l.album_id HAVING count(DISTINCT p.artist) = 1"
    )


def make_stub_sessions(work: Workshop) -> None:
    """Create a session for each import that only passages refer to, to keep imports apart."""
    old = work.old("passages")
    if old is None or "import_session_id" not in old.names:
        return
    made = work.run(
        "INSERT INTO import_sessions (rowid, session_id, state, root_folder, parameters,"
        " progress_current, progress_total, progress_percentage, current_operation, errors,"
        " started_at, ended_at)"
        " SELECT row_number() OVER () + (SELECT coalesce(max(rowid), 0) FROM import_sessions)"
        f" + {_largest(work, 'import_sessions')}, guid, '\"COMPLETED\"', '', '{{}}', 0, 0, 0.0,"
        f" 'an import of which nothing but its passages is known', '[]', {LONG_AGO}, {LONG_AGO}"
        " FROM (SELECT DISTINCT import_session_id AS guid FROM passages"
        " WHERE import_session_id IS NOT NULL"
        " AND import_session_id NOT IN (SELECT session_id FROM import_sessions))"
    )
    _count_made(work, "import_sessions", made)


def end_sessions(work: Workshop) -> None:
    """End the sessions in a running state: only this process has the database open."""
    running = f"n.session_id IN (SELECT session_id FROM import_sessions WHERE {IS_RUNNING})"
    why = literal("its state is CANCELLED now: the process that ran this import has ended")
    work.note_values("import_sessions", "state", running, why)
    work.run(
        "UPDATE import_sessions AS n SET state = '\"CANCELLED\"',"
        f" ended_at = coalesce(ended_at, started_at) WHERE {running}"
    )


def heal_songs(work: Workshop) -> None:
    """Reset songs whose status says that the flavor is known although it is missing."""
    lost = "n.status = 'FLAVOR READY' AND n.flavor_vector IS NULL"
    work.note_values(
        "songs", "status", lost, literal("its status is PENDING now: it has no flavor")
    )
    work.run(f"UPDATE songs AS n SET status = 'PENDING' WHERE {lost}")


def name_artists(work: Workshop) -> None:
    """Set the identity key of artists, by which files without ids find them."""
    filled = work.run(
        "UPDATE artists SET identity_key = adopt_artist_key(name) WHERE identity_key IS NULL"
    )
    if filled:
        work.tables["artists"].filled["identity_key"] += filled


def name_albums(work: Workshop) -> None:
    """Set the identity key of albums, by which files without ids find them."""
    by = (
        "(SELECT a.artist FROM temp.adopt_album_artists AS a"
        f" JOIN {staged('albums')} AS o ON o.guid = a.album WHERE o.rowid = n.rowid)"
    )
    filled = work.run(
        "UPDATE albums AS n SET identity_key = CASE WHEN album_mbid GLOB 'title:*'"
        f" THEN album_mbid ELSE adopt_album_key(title, {by}) END WHERE identity_key IS NULL"
    )
    if filled:
        work.tables["albums"].filled["identity_key"] += filled


def link_works(work: Workshop) -> None:
    """Link each song to the work in `songs.work_id`, the only one that the player reads."""
    made = work.run(
        "INSERT OR IGNORE INTO song_works (rowid, song_id, work_id)"
        f" SELECT rowid + (SELECT coalesce(max(rowid), 0) FROM song_works)"
        f" + {_largest(work, 'song_works')}, guid, work_id FROM songs WHERE work_id IS NOT NULL"
    )
    _count_made(work, "song_works", made)


def place_songs(work: Workshop) -> None:
    """Make songs' spans relative to their passage, and add links for `passages.song_id`."""
    if work.old("passage_songs") is not None:
        _make_relative(work)
    made = work.run(
        "INSERT OR IGNORE INTO passage_songs"
        " (rowid, passage_id, song_id, start_time_ticks, end_time_ticks)"
        " SELECT rowid + (SELECT coalesce(max(rowid), 0) FROM passage_songs)"
        f" + {_largest(work, 'passage_songs')}, guid, song_id, 0,"
        " end_time_ticks - start_time_ticks FROM passages WHERE song_id IS NOT NULL"
    )
    _count_made(work, "passage_songs", made)


def _make_relative(work: Workshop) -> None:
    start = "(SELECT p.start_time_ticks FROM passages AS p WHERE p.guid = n.passage_id)"
    length = (
        "(SELECT p.end_time_ticks - p.start_time_ticks FROM passages AS p"
        " WHERE p.guid = n.passage_id)"
    )
    reversed_ = "n.end_time_ticks <= n.start_time_ticks"
    outside = f"(n.start_time_ticks < 0 OR n.end_time_ticks > {length} OR {reversed_})"
    absolute = f"n.start_time_ticks >= {start} AND {start} > 0 AND n.end_time_ticks > {length}"
    minus = f"{{0}}_time_ticks = n.{{0}}_time_ticks - {start}"
    clamped = f"max(0, n.start_time_ticks), end_time_ticks = min(n.end_time_ticks, {length})"
    steps = (
        (
            absolute,
            f"{minus.format('start')}, {minus.format('end')}",
            "it was counted from the file's start, and is counted from the passage's now",
        ),
        (
            outside,
            f"start_time_ticks = {clamped}",
            "it was outside of the passage, and ends with it now",
        ),
        (
            reversed_,
            f"start_time_ticks = 0, end_time_ticks = {length}",
            "it did not lie in the passage, and is all of it now",
        ),
    )
    for where, change, why in steps:
        for column in ("start_time_ticks", "end_time_ticks"):
            work.note_values("passage_songs", column, where, literal(why))
        work.run(f"UPDATE passage_songs AS n SET {change} WHERE {where}")


def share_songs(work: Workshop) -> None:
    """Scale the shares of a song's artists to a sum of 1 if they sum to more."""
    too_much = (
        "n.song_id IN (SELECT song_id FROM song_artists GROUP BY song_id"
        f" HAVING sum(weight) > {MORE_THAN_ONE})"
    )
    why = literal("the shares of a song's artists summed to more than 1, and sum to 1 now")
    work.note_values("song_artists", "weight", too_much, why)
    work.run(
        "CREATE TEMP TABLE adopt_shares AS SELECT song_id, sum(weight) AS whole"
        f" FROM song_artists AS n WHERE {too_much} GROUP BY song_id"
    )
    work.run(
        "UPDATE song_artists AS n SET weight = weight /"
        " (SELECT whole FROM temp.adopt_shares AS s WHERE s.song_id = n.song_id)"
        " WHERE n.song_id IN (SELECT song_id FROM temp.adopt_shares)"
    )
    work.run("DROP TABLE temp.adopt_shares")


def _largest(work: Workshop, table: str) -> int:
    """Return the largest rowid of an old table: created rows get larger ones than all old rows."""
    if work.old(table) is None:
        return 0
    largest: int = work.value(f"SELECT coalesce(max(rowid), 0) FROM {staged(table)}")
    return largest


def _count_made(work: Workshop, table: str, made: int) -> None:
    if made:
        work.tables.setdefault(table, TableReport()).made += made


BEFORE_REFERENCES: Final[Mapping[str, tuple[Callable[[Workshop], None], ...]]] = {
    "files": (rebase_paths,),
    "passages": (make_stub_sessions,),
}
"""Run after a table is copied, before its references are repaired."""

BEFORE_CHECKS: Final[Mapping[str, tuple[Callable[[Workshop], None], ...]]] = {
    "passage_songs": (place_songs,),
}
"""Run after the references of a table are repaired, before its rules are checked."""

AFTER: Final[Mapping[str, tuple[Callable[[Workshop], None], ...]]] = {
    "files": (heal_files,),
    "import_sessions": (end_sessions,),
    "artists": (name_artists,),
    "albums": (name_albums,),
    "songs": (heal_songs,),
    "song_artists": (share_songs,),
    "song_works": (link_works,),
}
"""Run after the rows of a table are merged."""
