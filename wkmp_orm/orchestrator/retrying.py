"""Sets back what failed for good, while no import can be running.

Must not know what is set back.
"""

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
    """Set back what imports settled without success, so that the next one takes it again.

    Songs whose flavor no source knew, with their files. `unflavored`: also songs that no source was
    asked for. `unidentified`: files with a passage that no service named. `no_audio`: files with
    too little sound. Files that failed need none of this: every import tries them again.

    Raises ImportRunningError, and FlushErrors: nothing has changed then. Any thread may call.
    """
    with import_lock(library.target):
        return write(
            library,
            Phase.SESSION,
            lambda work: phases.retry_failed(
                work, unflavored=unflavored, unidentified=unidentified, no_audio=no_audio
            ),
        )
