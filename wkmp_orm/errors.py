"""Every error that this package raises on purpose: those of the core, and the package's own.

These are branches of the tree in `wkmp_orm.core.errors`; docs/errors.md has the whole tree.

    WkmpOrmError
    ├── ConfigurationError
    │   ├── SettingError              a setting's name or value is wrong
    │   ├── PathOutsideRootError      a file does not lie under the library's root
    │   └── NoDecoderError            this installation cannot decode sound
    ├── SoundFileError                a sound file cannot be read
    ├── AnalysisCancelledError        the analysis of a sound file was cancelled
    ├── ServiceUnavailableError       a web service cannot be asked
    ├── EveryFileFailsError           all files of an import met the same unexpected error
    └── ImportSessionError            the import session's state does not allow this
        └── ImportRunningError        another import is running on this database

A message says what happened, names the row or the lock holder, and says what to do.
It never contains SQL, and a bound value only if the caller passed it as an argument.

An error has remedies. Each remedy has a text for programmers and a text for people at a terminal
(`wkmp_orm.remedies`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wkmp_orm.core.errors import (
    AlreadyFinishedError,
    BackupError,
    ConditionNotMetError,
    ConfigurationError,
    ConnectionLostError,
    ConstraintViolationError,
    DatabaseUnavailableError,
    FlushError,
    FlushFailedError,
    InvalidRowError,
    LockHolder,
    LockTimeoutError,
    NotADatabaseError,
    NotYetKnownError,
    ReadOnlyDatabaseError,
    RowError,
    RowNotFoundError,
    SchemaError,
    SchemaOutdatedError,
    SchemaTooNewError,
    SchemaUnmanagedError,
    StorageError,
    StoredValueError,
    UnitOfWorkError,
    WkmpOrmError,
    WrongOwnerError,
)

if TYPE_CHECKING:
    from wkmp_orm.core.remedies import Remedy

__all__ = [
    "AlreadyFinishedError",
    "AnalysisCancelledError",
    "BackupError",
    "ConditionNotMetError",
    "ConfigurationError",
    "ConnectionLostError",
    "ConstraintViolationError",
    "DatabaseUnavailableError",
    "EveryFileFailsError",
    "FlushError",
    "FlushFailedError",
    "ImportRunningError",
    "ImportSessionError",
    "InvalidRowError",
    "LockHolder",
    "LockTimeoutError",
    "NoDecoderError",
    "NotADatabaseError",
    "NotYetKnownError",
    "PathOutsideRootError",
    "ReadOnlyDatabaseError",
    "RowError",
    "RowNotFoundError",
    "SchemaError",
    "SchemaOutdatedError",
    "SchemaTooNewError",
    "SchemaUnmanagedError",
    "ServiceUnavailableError",
    "SettingError",
    "SoundFileError",
    "StorageError",
    "StoredValueError",
    "UnitOfWorkError",
    "WkmpOrmError",
    "WrongOwnerError",
]


class SettingError(ConfigurationError):
    """A setting's name is unknown, or its value does not fit its type or range."""

    def __init__(self, key: str, reason: str, *remedies: Remedy) -> None:
        super().__init__(f"setting {key!r}: {reason}", *remedies)
        self.key = key


class PathOutsideRootError(ConfigurationError):
    """A file or folder does not lie under the library's root."""


class NoDecoderError(ConfigurationError):
    """No decoder process can be started, or it lacks what it needs: no file can be decoded."""


class SoundFileError(WkmpOrmError):
    """A sound file cannot be read; the message is fit for `import_failures.reason`."""


class AnalysisCancelledError(WkmpOrmError):
    """The caller's `cancelled` returned True while a sound file was being analysed."""


class ServiceUnavailableError(WkmpOrmError):
    """A web service gave no answer, or the import has stopped asking it; `service` is its name.

    Nothing is known then. An answer that the service knows nothing is not this error.
    """

    def __init__(self, service: str, reason: str, *remedies: Remedy) -> None:
        super().__init__(f"{service}: {reason}", *remedies)
        self.service = service


class EveryFileFailsError(WkmpOrmError):
    """Every file of an import failed with the same unexpected error, so the import ended.

    No file is to blame: the cause is a library version that does not fit, or a broken phase.
    `__cause__` is the error of the last file.
    """


class ImportSessionError(WkmpOrmError):
    """The import session's state does not allow this."""


class ImportRunningError(ImportSessionError):
    """Another import is running on this database."""
