"""Where an import begins: what it is told, and whether it may run.

Must not know what it does.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from wkmp_orm.errors import ConfigurationError
from wkmp_orm.orchestrator.file_pipeline import STEPS
from wkmp_orm.orchestrator.import_context import ImportConfig
from wkmp_orm.orchestrator.import_run import ImportRun
from wkmp_orm.orchestrator.joining import place_in_import
from wkmp_orm.orchestrator.options import ImportOptions, refuse_unknown_options
from wkmp_orm.orchestrator.scan import scan_folder
from wkmp_orm.root_folder import refuse_database_url
from wkmp_orm.settings import INGEST_MAX_CONCURRENT_JOBS

if TYPE_CHECKING:
    import os

    from wkmp_orm.library import Library
    from wkmp_orm.orchestrator.summary import ImportSummary
    from wkmp_orm.settings import SettingsSnapshot


def import_folder(
    library: Library,
    folder: str | os.PathLike[str] | None = None,
    **options: Unpack[ImportOptions],
) -> ImportSummary:
    """Import a folder's sound files: what is new, what changed, what was left unfinished.

    `folder` is by default the library's root, and must lie in it; the first import makes it the
    root, unless the library was opened with one. `workers` files are in work at the same time, by
    default the setting `ingest_max_concurrent_jobs`; `ai_processing_thread_count` processes decode
    them. `on_progress` is called ten times a second in a thread of its own; what it raises is
    logged once. Setting `stop` ends the import with the state CANCELLED, after the phases that are
    being written, and the next one goes on from there. A KeyboardInterrupt does the same and comes
    through, as one of `on_progress` does, or its SystemExit.

    On PostgreSQL an import of the folder that runs already, on any machine, is joined until all is
    imported; `stop` ends this part of it, and the others go on. The summary tells what was done
    here, and in `together` what all have done.

    With an `executor` its workers hash, read tags and decode, on whatever machines they run, where
    folders may lie at other `paths` ({"/music": "/mnt/nas/music"}); no byte of the music comes here
    then. Give it as many `workers` as it has, and some more. It stays its owner's.

    `flavor_sources` replace the sources of flavor that the settings name. `steps` are the phases of
    a file, by default `STEPS`; one of your own goes before the last. If a step raises, even a
    SystemExit, or returns no Verdict, its file fails and no other.

    Rows of files that were moved follow them. Known files that are gone are marked as missing. If
    that would be most of them, or if the folder is empty or cannot be read in part, none is marked
    and a note in the summary says so; `accept_missing` marks them all the same. What another
    program's import left doubled or emptied is healed; while one may run, this one is refused, and
    `take_over` cancels its session.

    A file that cannot be imported is in the summary's `failures` and stops no other. Raises
    ConfigurationError for a folder that cannot be read or is outside the root, ImportRunningError,
    and what ends the import with the state FAILED, as no file could get past it: StorageError,
    LockTimeoutError, DatabaseUnavailableError, NoDecoderError, EveryFileFailsError.
    """
    refuse_unknown_options(options)
    return _import_folder(library, folder, options)


def _import_folder(
    library: Library, folder: str | os.PathLike[str] | None, options: ImportOptions
) -> ImportSummary:
    settings = library.settings.snapshot()
    number = _number_of_workers(options.get("workers"), settings)
    given = library.root if folder is None else _given(folder)
    scan_folder(given)  # refuses a missing folder before anything remembers it
    stop = options.get("stop") or threading.Event()
    take_over, accept = options.get("take_over", False), options.get("accept_missing", False)
    with (
        ImportConfig.of(settings, stop, options) as config,  # refuses what cannot be used
        place_in_import(library, given, take_over=take_over) as place,
    ):
        steps = options.get("steps") or STEPS
        run = ImportRun(library, place, config, steps, number, stop=stop, accept=accept)
        return run.to_its_end(options.get("on_progress"))


def _number_of_workers(given: int | None, settings: SettingsSnapshot) -> int:
    number = settings.get(INGEST_MAX_CONCURRENT_JOBS) if given is None else given
    if number < 1:
        msg = f"workers={number}: an import needs at least one"
        raise ConfigurationError(msg)
    return number


def _given(folder: str | os.PathLike[str]) -> Path:
    refuse_database_url(folder, "the folder to import")
    path = Path(folder).expanduser()
    # Not resolved without need: a library may well be a link, and is called by its name.
    return path.resolve() if ".." in path.parts else path.absolute()
