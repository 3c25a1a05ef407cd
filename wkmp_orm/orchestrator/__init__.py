"""The import: a folder's sound files through their phases, with workers, statistics and progress.

    with Library.open("~/Music/wkmp.db") as library:
        summary = import_folder(library, "~/Music")

Needs the `audio` extra: without it, importing this room is a ConfigurationError.
"""

from __future__ import annotations

from wkmp_orm.orchestrator.run import import_folder
from wkmp_orm.orchestrator.statistics import Counts, ImportProgress, Stage, WorkerActivity
from wkmp_orm.orchestrator.summary import FailedFile, ImportSummary

__all__ = [
    "Counts",
    "FailedFile",
    "ImportProgress",
    "ImportSummary",
    "Stage",
    "WorkerActivity",
    "import_folder",
]
