"""The options of an import, which all its entry points share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import TypedDict

from wkmp_orm.audio.flavor import FlavorSource
from wkmp_orm.orchestrator.counts import ImportProgress
from wkmp_orm.orchestrator.file_pipeline import Step


class ImportOptions(TypedDict, total=False):
    """The keyword options of an import; all are optional.

    `workers` is how many files are processed at the same time, by default the setting
    `ingest_max_concurrent_jobs`. `on_progress` is called ten times a second in its own thread.
    Setting `stop` ends the import in order. `flavor_sources` replace the sources that the settings
    name, and are asked in order. `steps` are the phases of a file, by default `STEPS`; put your own
    step before the last. `accept_missing` marks files that are gone as missing even if they are
    most of the library. `take_over` cancels the session of another program that may still be
    importing. The workers of an `executor` hash and decode the files; `paths` maps folders to the
    places where they find them.
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
    """Raise TypeError for an unknown option, such as a misspelled one."""
    if unknown := sorted(options.keys() - ImportOptions.__optional_keys__):
        known = ", ".join(sorted(ImportOptions.__optional_keys__))
        raise TypeError(f"an import has no option {unknown[0]!r}; there are {known}")
