"""The import: takes a folder's sound files through their phases and reports progress.

    with Library.open("~/Music/wkmp.db") as library:
        summary = import_folder(library, "~/Music")

It needs the `audio` extra: without it, importing this package raises ConfigurationError.
"""

from __future__ import annotations

from wkmp_orm.orchestrator.counts import (
    Counts,
    Effort,
    Findings,
    ImportProgress,
    Stage,
    WorkerActivity,
)
from wkmp_orm.orchestrator.event_loops import import_folder_async
from wkmp_orm.orchestrator.file_in_progress import FileInProgress
from wkmp_orm.orchestrator.file_pipeline import STEPS, Step, Verdict
from wkmp_orm.orchestrator.options import ImportOptions
from wkmp_orm.orchestrator.retrying import retry_failed
from wkmp_orm.orchestrator.run import import_folder
from wkmp_orm.orchestrator.summary import FailedFile, ImportSummary, WarnedFile

__all__ = [
    "STEPS",
    "Counts",
    "Effort",
    "FailedFile",
    "FileInProgress",
    "Findings",
    "ImportOptions",
    "ImportProgress",
    "ImportSummary",
    "Stage",
    "Step",
    "Verdict",
    "WarnedFile",
    "WorkerActivity",
    "import_folder",
    "import_folder_async",
    "retry_failed",
]
