"""Resets what imports settled without success, so that the next import tries again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wkmp_orm import phases
from wkmp_orm.import_lock import import_lock
from wkmp_orm.orchestrator.writing import write
from wkmp_orm.phase import Phase

if TYPE_CHECKING:
    from wkmp_orm.library import Library
    from wkmp_orm.phases import Retry


def retry_failed(
    library: Library,
    *,
    unflavored: bool = False,
    unidentified: bool = False,
    no_audio: bool = False,
) -> Retry:
    """Reset what imports settled without success, so that the next one tries again.

    It always resets songs whose flavor no source knew, with their files. `unflavored` adds songs
    for which no source was asked, `unidentified` files with a passage that no service identified,
    and `no_audio` files with too little sound. Failed files need no reset: every import tries them
    again.

    Raises ImportRunningError and FlushErrors; nothing has changed then. Any thread may call it.
    """
    with import_lock(library.target):
        return write(
            library,
            Phase.SESSION,
            lambda work: phases.retry_failed(
                work, unflavored=unflavored, unidentified=unidentified, no_audio=no_audio
            ),
        )
