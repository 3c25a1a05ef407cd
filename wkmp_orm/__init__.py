"""Persistence for music importers: models, and a unit of work for each phase of an import.

    with Library.open("~/Music/wkmp.db") as library:
        with library.unit_of_work(Phase.RECORDING) as work:
            song = work.songs.put(recording_mbid="...", title="Sinnerman")

Everything public is here; `wkmp_orm.errors` draws the tree of what can go wrong.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

# `python -m wkmp_orm` puts the current folder, which may be a stranger's music, in front of all
# that is imported from here on. As long as Python looks for the module, the program's name is "-m".
if (
    sys.argv[:1] == ["-m"]
    and sys.orig_argv[-len(sys.argv)] in {"wkmp_orm", "-mwkmp_orm"}
    and not sys.flags.safe_path
):
    del sys.path[0]

if TYPE_CHECKING:
    from wkmp_orm.core.engine.monitor import RowCounts, Totals, WriteReport
    from wkmp_orm.core.engine.retry import retry_on_lock
    from wkmp_orm.core.rows.handles import Handle, LinkHandle, Outcome
    from wkmp_orm.core.types import new_guid
    from wkmp_orm.errors import (
        AlreadyFinishedError,
        AnalysisCancelledError,
        ConditionNotMetError,
        ConfigurationError,
        ConstraintViolationError,
        DatabaseUnavailableError,
        EveryFileFailsError,
        FlushError,
        FlushFailedError,
        ImportRunningError,
        ImportSessionError,
        InvalidRowError,
        LockHolder,
        LockTimeoutError,
        NoDecoderError,
        NotADatabaseError,
        NotYetKnownError,
        PathOutsideRootError,
        ReadOnlyDatabaseError,
        RowError,
        RowNotFoundError,
        SchemaError,
        SchemaOutdatedError,
        SchemaTooNewError,
        SchemaUnmanagedError,
        ServiceUnavailableError,
        SettingError,
        SoundFileError,
        StorageError,
        StoredValueError,
        UnitOfWorkError,
        WkmpOrmError,
        WrongOwnerError,
    )
    from wkmp_orm.library import Library
    from wkmp_orm.models import (
        AcoustidCache,
        Album,
        Artist,
        Base,
        DecodeStatus,
        FadeCurve,
        File,
        FileStatus,
        FlushLedger,
        ImportFailure,
        ImportProvenance,
        ImportSession,
        Passage,
        PassageAlbum,
        PassageSong,
        PassageStatus,
        ServiceAnswer,
        SessionState,
        Setting,
        Song,
        SongArtist,
        SongStatus,
        SongWork,
        SourceType,
        Work,
    )
    from wkmp_orm.phase import Phase
    from wkmp_orm.settings.key import SettingKey
    from wkmp_orm.ticks import TICKS_PER_SECOND
    from wkmp_orm.work import UnitOfWork

__version__ = "0.1.0"

__all__ = [
    "TICKS_PER_SECOND",
    "AcoustidCache",
    "Album",
    "AlreadyFinishedError",
    "AnalysisCancelledError",
    "Artist",
    "Base",
    "ConditionNotMetError",
    "ConfigurationError",
    "ConstraintViolationError",
    "DatabaseUnavailableError",
    "DecodeStatus",
    "EveryFileFailsError",
    "FadeCurve",
    "File",
    "FileStatus",
    "FlushError",
    "FlushFailedError",
    "FlushLedger",
    "Handle",
    "ImportFailure",
    "ImportProvenance",
    "ImportRunningError",
    "ImportSession",
    "ImportSessionError",
    "InvalidRowError",
    "Library",
    "LinkHandle",
    "LockHolder",
    "LockTimeoutError",
    "NoDecoderError",
    "NotADatabaseError",
    "NotYetKnownError",
    "Outcome",
    "Passage",
    "PassageAlbum",
    "PassageSong",
    "PassageStatus",
    "PathOutsideRootError",
    "Phase",
    "ReadOnlyDatabaseError",
    "RowCounts",
    "RowError",
    "RowNotFoundError",
    "SchemaError",
    "SchemaOutdatedError",
    "SchemaTooNewError",
    "SchemaUnmanagedError",
    "ServiceAnswer",
    "ServiceUnavailableError",
    "SessionState",
    "Setting",
    "SettingError",
    "SettingKey",
    "Song",
    "SongArtist",
    "SongStatus",
    "SongWork",
    "SoundFileError",
    "SourceType",
    "StorageError",
    "StoredValueError",
    "Totals",
    "UnitOfWork",
    "UnitOfWorkError",
    "WkmpOrmError",
    "Work",
    "WriteReport",
    "WrongOwnerError",
    "__version__",
    "new_guid",
    "retry_on_lock",
]

_HOMES: Final = (
    "wkmp_orm.errors",
    "wkmp_orm.phase",
    "wkmp_orm.ticks",
    "wkmp_orm.core.types",
    "wkmp_orm.settings.key",
    "wkmp_orm.models",
    "wkmp_orm.core.rows.handles",  # before the monitor, which has another `Outcome`
    "wkmp_orm.core.engine.monitor",
    "wkmp_orm.core.engine.retry",
    "wkmp_orm.work",
    "wkmp_orm.library",
)
"""Where the public names are, those first that cost the least to import."""


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is: SQLAlchemy takes half a second, `--help` needs none."""
    if name.startswith("_"):
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    if name in __all__:
        for home in _HOMES:
            found = vars(import_module(home))
            if name in found:
                return globals().setdefault(name, found[name])
    try:
        return import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message) from None


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
