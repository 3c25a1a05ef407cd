"""Flavoring: asks the sources in order for the flavor of a file's songs."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

from wkmp_orm.errors import SoundFileError
from wkmp_orm.orchestrator.counts import Findings
from wkmp_orm.phase import Phase
from wkmp_orm.phases import pending_songs, record_flavors

if TYPE_CHECKING:
    from wkmp_orm.audio.flavor import Flavor
    from wkmp_orm.orchestrator.file_in_progress import FileInProgress
    from wkmp_orm.phases import PendingSong

logger = logging.getLogger("wkmp_orm.orchestrator")


def flavor_songs(file: FileInProgress) -> None:
    """Look up the flavor of the file's pending songs, if there is a source to ask.

    A song that already has its flavor is not computed again.
    """
    context = file.context
    pending = pending_songs(context.library, file.guid)
    flavors: dict[str, Flavor | None] = {}
    if context.flavor_sources:
        flavors = {song.guid: _flavor_of(file, song) for song in pending}
    file.write(Phase.FLAVORING, lambda work: record_flavors(work, file.guid, flavors))
    songs = {each.song.recording_mbid for each in file.passages if each.song is not None}
    found = [flavor.source for flavor in flavors.values() if flavor is not None]
    context.statistics.found(
        Findings(
            flavors_settled=max(0, len(songs) - len(pending)),
            flavors=Counter(found),
            flavors_failed=len(flavors) - len(found),
            flavors_pending=len(pending) - len(flavors),
        )
    )


def _flavor_of(file: FileInProgress, song: PendingSong) -> Flavor | None:
    for source in file.context.flavor_sources:
        try:
            flavor = file.context.ask_for_flavor(source, song, file.place)
        except SoundFileError as error:
            # The file itself is good, because it has passed all earlier phases: a song without a
            # flavor is better than no song.
            logger.warning("%s: %s has no flavor for it: %s", file.path, source.name, error)
            continue
        if flavor is not None:
            return flavor
    return None
