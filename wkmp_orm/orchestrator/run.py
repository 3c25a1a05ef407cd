"""The entry point of an import: checks the options and the folder, and starts the run."""

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
    """Import a folder's sound files: the new, the changed and the unfinished ones.

    `folder` is by default the library's root, and must lie in it. The first import makes its folder
    the root, unless the library was opened with one. `workers` files are processed at the same
    time, by default the setting `ingest_max_concurrent_jobs`; `ai_processing_thread_count`
    processes decode them. `on_progress` is called ten times a second in its own thread; an
    exception from it is logged once. Setting `stop` ends the import with the state CANCELLED, after
    the phases that are being written; the next import continues from there. A KeyboardInterrupt
    does the same and is raised at the end, as is a KeyboardInterrupt or SystemExit from
    `on_progress`.

    On PostgreSQL, if an import of the folder already runs on any machine, this one joins it until
    everything is imported. `stop` then ends only this part, and the others go on. The summary
    counts the work of this process, and `together` that of all importers.

    With an `executor`, its workers hash, read tags and decode on their own machines, where folders
    may have other `paths` ({"/music": "/mnt/nas/music"}); this machine then reads no music. Choose
    somewhat more `workers` than the executor has. The import does not shut the executor down.

    `flavor_sources` replace the flavor sources that the settings name. `steps` are the phases of a
    file, by default `STEPS`; put your own step before the last. If a step raises, even SystemExit,
    or its result is neither None nor a Verdict, or if no step returns a Verdict, only that file
    fails.

    The rows of moved files get their new paths. Known files that are gone are marked as missing. If
    that would be most of them, or if the folder is empty or partly unreadable, none is marked and a
    note in the summary says so; `accept_missing` marks them all the same. The import repairs what
    another program's import left duplicated or incomplete. While such a program may be importing,
    this import is refused, and `take_over` cancels its session.

    A file that cannot be imported is listed in the summary's `failures` and stops no other. Raises
    ConfigurationError for a folder that cannot be read or is outside the root, ImportRunningError,
    and the errors that end the import with the state FAILED because they would affect every file:
    StorageError, LockTimeoutError, DatabaseUnavailableError, NoDecoderError, EveryFileFailsError.
    """
    refuse_unknown_options(options)
    return _import_folder(library, folder, options)


def _import_folder(
    library: Library, folder: str | os.PathLike[str] | None, options: ImportOptions
) -> ImportSummary:
    settings = library.settings.snapshot()
    number = _number_of_workers(options.get("workers"), settings)
    given = library.root if folder is None else _given(folder)
    scan_folder(given)  # refuses a missing folder before it is stored anywhere
    stop = options.get("stop") or threading.Event()
    take_over, accept = options.get("take_over", False), options.get("accept_missing", False)
    with (
        ImportConfig.of(settings, stop, options) as config,  # refuses unusable options
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
    # Resolved only if needed: a library may be a link, and keeps the name that the user gave.
    return path.resolve() if ".." in path.parts else path.absolute()
