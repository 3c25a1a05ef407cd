"""What a file that is back says again of its songs: which works they record.

While it was missing, another file that named other works had its works unlinked. The file itself is
not recorded anew, since nothing of it has changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from wkmp_orm.core.types import utc_now
from wkmp_orm.models import File, Passage, PassageSong, Song
from wkmp_orm.phases.json_text import JsonText
from wkmp_orm.phases.said import SAID, Said
from wkmp_orm.phases.song_links import unlink_works
from wkmp_orm.phases.withdrawing import NO_FILE

if TYPE_CHECKING:
    from collections.abc import Collection

    from wkmp_orm.work import UnitOfWork

_files: Final[sa.BindParameter[Any]] = sa.bindparam("files", expanding=True)
_SAYING: Final = (
    sa.select(Song.guid, Song.recording_mbid, JsonText(Passage.import_metadata, SAID))
    .join_from(Passage, PassageSong, PassageSong.passage_id == Passage.guid)
    .join(Song, Song.guid == PassageSong.song_id)
    .where(Passage.file_id.in_(_files))
    .order_by(Passage.guid)
)


_MISSING: Final = (
    sa.select(Song.recording_mbid, JsonText(Passage.import_metadata, SAID))
    .join_from(Passage, PassageSong, PassageSong.passage_id == Passage.guid)
    .join(Song, Song.guid == PassageSong.song_id)
    .join(File, File.guid == Passage.file_id)
    .where(
        Song.recording_mbid.in_(sa.bindparam("songs", expanding=True)),
        File.missing_since.is_not(None),
        File.guid.not_in(_files),
    )
)


def say_again(work: UnitOfWork, files: Collection[str]) -> None:
    """Let the songs of files that are back record the works that these name.

    What only files said that are still missing gives way, as to any file that speaks of a song.
    """
    if not files:
        return
    chosen = {"files": sorted(files)}
    with work.reader() as session:
        rows = session.execute(_SAYING, chosen).all()
        songs = sorted({recording for _, recording, _ in rows})
        missing = session.execute(_MISSING, chosen | {"songs": songs}).all() if songs else []
    for song, recording, text in rows:
        said = Said.stored(text)
        if said is None or said.recording != recording:
            continue
        works = [
            work.works.put(work_mbid=mbid, title=title)
            for mbid, title in (said.works or {}).items()
        ]
        work.song_works.link_many((song, each) for each in works)
    former: dict[str, set[str]] = {}
    for recording, text in missing:
        said = Said.stored(text)
        if said is not None and said.by_tags:
            former.setdefault(recording, set()).update(said.works or {})
    for recording, mbids in former.items():
        row = {"of_file": NO_FILE, "of_mbid": recording, "now": utc_now()}
        unlink_works(work, row, mbids, must_be_said=True)
