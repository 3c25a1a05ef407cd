"""How an import may be told to go about it, in the same words at each of its entry points.

Knows no import.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import TypedDict

from wkmp_orm.audio.flavor import FlavorSource
from wkmp_orm.orchestrator.counts import ImportProgress
from wkmp_orm.orchestrator.file_pipeline import Step


class ImportOptions(TypedDict, total=False):
    """What may be given to an import by name; all of it may be left out.

    `workers` is how many files are on their way at the same time, by default the setting
    `ingest_max_concurrent_jobs`. `on_progress` is called ten times a second, in a thread of its
    own. Setting `stop` ends the import in order. `flavor_sources` are asked for the flavor of songs
    instead of those that the settings name, one after the other. `steps` are the phases of a file,
    by default `STEPS`; one of your own goes before the last. `accept_missing` marks files that are
    gone as missing, also where they are most of the library. `take_over` cancels the session of
    another program that may still be importing. `executor` hashes and decodes files by its workers,
    for whom folders may lie at other `paths`.
    """

    workers: int | None
    on_progress: Callable[[ImportProgress], object] | None
    stop: threading.Event | None
    flavor_sources: Sequence[FlavorSource] | None
    steps: Sequence[Step] | None
    accept_missing: bool
    take_over: bool
    executor: Executor | None
    paths: Mapping[str, str] | None


def refuse_unknown_options(options: ImportOptions) -> None:
    """Raise TypeError for an option that there is not, as a misspelled one."""
    if unknown := sorted(options.keys() - ImportOptions.__optional_keys__):
        known = ", ".join(sorted(ImportOptions.__optional_keys__))
        raise TypeError(f"an import has no option {unknown[0]!r}; there are {known}")
