"""A folder of music to which things happen, as people do them, and what must hold afterwards.

Knows files and rows; must not know how an import comes to its conclusions.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from tests.living.orphans import check_orphans, tuned
from tests.living.shared_rows import said, shared, speakers, unclaimed, works
from tests.support.imports import music_dump, table
from tests.support.sound import make_sound, mbid, tag_sound
from wkmp_orm import Album, Artist, File, Library, Passage, Song
from wkmp_orm.models import FileStatus, PassageAlbum, PassageSong, SongArtist
from wkmp_orm.orchestrator import import_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

FIRST_NS: Final = 1_700_000_000_000_000_000
ANCHOR: Final = "anchor.flac"
"""A file to which nothing happens: an empty folder would be taken for a disk that is away."""
TAGS: Final = ("hash", "title", "artist", "album", "track_number", "year", "format")
SPANS: Final = ("start_time_ticks", "end_time_ticks", "title", "artist", "album", "recording_mbid")


@dataclass(frozen=True, slots=True)
class Row:
    """What is stored of a file."""

    guid: str
    path: str
    hash: str
    status: str
    is_missing: bool


class Folder:
    """The music of a library. Every change gives files a time that no file had before."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._ticks = 0
        self.away: dict[str, Path] = {}
        self.left: dict[str, set[tuple[Any, ...]]] = defaultdict(set)
        """What rows were called of which no file spoke any more: nobody knows whose words it is."""
        self.make(ANCHOR, 0, 0)

    def paths(self) -> list[str]:
        """Return the paths of all files but the anchor."""
        files = (path for path in self.root.rglob("*") if path.is_file())
        return sorted(str(path.relative_to(self.root)) for path in files if path.name != ANCHOR)

    def folders(self) -> list[str]:
        """Return the folders that have files in them, at the top."""
        return sorted({path.split("/", 1)[0] for path in self.paths() if "/" in path})

    def make(self, path: str, sound: int, tags: int) -> None:
        """Write a sound with tags; equal numbers make equal bytes."""
        place = self._room(path)
        make_sound(place, seconds=1.0 + sound % 2 / 2, frequency=300 + 10 * sound)
        self.tag(path, sound, tags)

    def tag(self, path: str, sound: int, tags: int) -> None:
        """Write the tags of a song, in one of several wordings; all are on one album."""
        tag_sound(
            self.root / path,
            title=f"Title {sound} {tags}",
            artist=f"Artist {sound % 3} {tags}",
            album=f"Album {tags}",
            albumartist="Everybody",
            track=sound + 1,
            year=1965 + tags,
            mb_trackid=mbid(100 + sound),
            mb_artistids=[mbid(200 + sound % 3)],
            mb_albumid=mbid(300),
            mb_workids=[mbid(400 + sound % 2 + 2 * (tags % 2))],
        )
        self._touch(path)

    def rename(self, old: str, new: str) -> None:
        """Rename a file, over another one if there is one."""
        if old != new:
            (self.root / old).replace(self._room(new))

    def copy(self, old: str, new: str) -> None:
        if old != new:
            shutil.copyfile(self.root / old, self._room(new))
            self._touch(new)

    def swap(self, one: str, other: str) -> None:
        aside = self.root / "aside"
        (self.root / one).rename(aside)
        (self.root / other).replace(self.root / one)
        aside.rename(self.root / other)

    def move_tree(self, old: str, new: str) -> None:
        """Move a folder, into another one if that is there."""
        for path in self.paths():
            if path.startswith(f"{old}/"):
                self.rename(path, f"{new}/{path.removeprefix(f'{old}/')}")

    def unplug(self, folder: str, elsewhere: Path) -> None:
        """Take a folder away."""
        if folder not in self.away:
            self.away[folder] = elsewhere / folder
            (self.root / folder).rename(self.away[folder])

    def plug(self, folder: str) -> None:
        """Bring a folder back, to where it was."""
        place = self.away.pop(folder)
        if (self.root / folder).exists():
            shutil.rmtree(self.root / folder)
        place.rename(self.root / folder)

    def hashes(self) -> dict[str, str]:
        """Return the hash of every file."""
        return {
            path: hashlib.sha256((self.root / path).read_bytes()).hexdigest()
            for path in [*self.paths(), ANCHOR]
        }

    def _room(self, path: str) -> Path:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def _touch(self, path: str) -> None:
        self._ticks += 1
        at = FIRST_NS + self._ticks * 1_000_000_000
        os.utime(self.root / path, ns=(at, at))


def rows(library: Library) -> dict[str, Row]:
    """Return what is stored of every file, by guid."""
    columns = ("guid", "path", "hash", "status", "missing_since")
    return {
        guid: Row(guid, path, sha256, str(status), since is not None)
        for guid, path, sha256, status, since in table(library, File, *columns)
    }


def edits(library: Library) -> set[tuple[str, str]]:
    """Return the passages that a user edited."""
    stored = table(library, Passage, "guid", "user_title")
    return {(guid, title) for guid, title in stored if title is not None}


def import_and_check(
    library: Library, folder: Folder, fresh: Callable[[], AbstractContextManager[Library]]
) -> None:
    """Import, and check all that must hold then. `fresh` gives an empty library of the root."""
    before, edited, preferred = rows(library), edits(library), tuned(library)
    for key, values in unclaimed(library).items():
        folder.left[key].add(values)
    called, spoke, told = shared(library), speakers(library), said(library)
    recorded = works(library)
    import_folder(library, workers=1)
    there, after = folder.hashes(), rows(library)
    assert edited <= edits(library)
    assert preferred <= tuned(library)
    at = {row.path: row for row in after.values()}
    assert len(at) == len(after)
    assert {path for path, row in at.items() if not row.is_missing} == there.keys()
    assert all(at[path].hash == sha256 for path, sha256 in there.items())
    assert before.keys() <= after.keys()
    for row in before.values():
        check_identity(row, after[row.guid], there)
    with fresh() as other:
        import_folder(other, workers=1)
        # Where all that spoke of a row stop in one import, and others begin in it, it may be called
        # what one of the former said, and have their works: nothing tells any more whose words
        # these are.
        for key, files in speakers(library).items():
            if key in called and not files & spoke[key]:
                folder.left[key] |= {called[key], *told.get(key, ())}
                folder.left[f"works of {key}"] |= {(*recorded.get(key, ()),)}
        compare(library, other, folder.left)
        check_orphans(library, other, kept_works(folder.left))
    dumped = music_dump(library)
    counts = import_folder(library, workers=1).counts
    assert (counts.to_import, counts.moved, counts.missing, counts.handed_over) == (0, 0, 0, 0)
    assert music_dump(library) == dumped


def kept_works(left: Mapping[str, Collection[tuple[Any, ...]]]) -> set[str]:
    """Return the works that songs may have though no file that is there says so any more."""
    recorded = (works for key, works in left.items() if key.startswith("works of "))
    return {work for each in recorded for works in each for work in works}


def check_identity(row: Row, now: Row, there: dict[str, str]) -> None:
    """Check that a row stayed with its file: by content, or by path where the content changed."""
    is_original = row.status == "INGEST COMPLETE"
    if there.get(row.path) == row.hash:
        # A copy's row gives way to an original's that is gone from elsewhere.
        assert now.path == row.path or not is_original
    elif is_original and row.hash in there.values():
        follows = there.get(now.path) == row.hash
        assert follows or (now.path == row.path and row.path in there), (row, now)


def compare(
    library: Library, fresh: Library, left: Mapping[str, Collection[tuple[Any, ...]]]
) -> None:
    """Check that what is there is as a fresh import has it, or `left`."""

    def files(of: Library) -> list[Any]:
        stored = table(of, File, "path", "hash", "missing_since")
        return [(path, sha256) for path, sha256, since in stored if since is None]

    def originals(of: Library) -> list[Any]:
        stored = table(of, File, *TAGS, "status", "missing_since")
        return [
            tags
            for *tags, status, since in stored
            if str(status) == "INGEST COMPLETE" and since is None
        ]

    assert files(library) == files(fresh)
    assert originals(library) == originals(fresh)
    passages, wanted = by_content(library), by_content(fresh)
    assert passages.keys() == wanted.keys()
    for sha256, those in wanted.items():
        # Beside them there may be some of which only the user wants that they stay.
        more = sorted(passages[sha256])
        for span in those:
            more.remove(next(each for each in more if each[:-1] == span[:-1]))
        assert all(is_edited for *_, is_edited in more)
    for model, column in ((Song, "recording_mbid"), (Artist, "artist_mbid"), (Album, "album_mbid")):
        ours = {key for (key,) in table(library, model, column)}
        assert {key for (key,) in table(fresh, model, column)} <= ours
    check_shared(library, fresh, left)


def check_shared(
    library: Library, fresh: Library, left: Mapping[str, Collection[tuple[Any, ...]]]
) -> None:
    """Check the values of what files share: each is one that a file that is there says, or left."""
    words = said(fresh)
    stored = shared(library)
    for key, values in words.items():
        allowed = [*values, *left.get(key, ())]
        for value, of_files in zip(stored[key], zip(*allowed, strict=True), strict=True):
            assert value in of_files, (key, stored[key], values)
    assert links(library) == links(fresh)
    recorded = works(library)
    for song, wanted in works(fresh).items():
        assert wanted <= recorded[song] <= wanted.union(*left.get(f"works of {song}", ()))


def links(library: Library) -> set[tuple[str, ...]]:
    """Return what the passages of files that are there refer to, by the files' content.

    Those that only a user wants to stay refer to what they were: they are left out.
    """
    with library.reader() as session:
        rows = session.execute(
            sa.select(File.hash, Song.recording_mbid, Artist.artist_mbid, Album.album_mbid)
            .join_from(Passage, File)
            .join(PassageSong, PassageSong.passage_id == Passage.guid)
            .join(Song, Song.guid == PassageSong.song_id)
            .join(SongArtist, SongArtist.song_id == Song.guid)
            .join(Artist, Artist.guid == SongArtist.artist_id)
            .join(PassageAlbum, PassageAlbum.passage_id == Passage.guid)
            .join(Album, Album.guid == PassageAlbum.album_id)
            .where(
                File.missing_since.is_(None),
                File.status != FileStatus.DUPLICATE_HASH,
                Passage.title == File.title,
            )
        )
        return {tuple(map(str, row)) for row in rows}


def by_content(library: Library) -> dict[str, list[tuple[Any, ...]]]:
    """Return the passages of the files that are there, by the files' content."""
    hashes = {
        guid: sha256
        for guid, sha256, since in table(library, File, "guid", "hash", "missing_since")
        if since is None
    }
    found: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for file, title, *span in table(library, Passage, "file_id", "user_title", *SPANS):
        if file in hashes:
            found[hashes[file]].append((*span, title is not None))
    return found
