"""Every error that this package raises on purpose: those of the core, and ours below them.

`wkmp_orm.core.errors` draws the tree that these branches belong to; docs/errors.md has it whole.

    WkmpOrmError
    ├── ConfigurationError
    │   ├── SettingError              a setting's name or value is wrong
    │   ├── PathOutsideRootError      a file does not lie under the library's root
    │   └── NoDecoderError            no sound can be decoded by this installation
    ├── SoundFileError                a sound file cannot be read
    ├── AnalysisCancelledError        a sound file's analysis was called off
    ├── ServiceUnavailableError       a web service cannot be asked
    ├── EveryFileFailsError           all files of an import met the same unexpected error
    └── ImportSessionError            the import session does not allow this
        └── ImportRunningError        another import is running on this database

A message says what happened, to which row or by which holder, and what to do.
It never contains SQL, and a bound value only where the caller gave it as an argument.

What to do depends on who reads it: an error carries its remedies, and each has words for who
programs and for who is at a terminal (`wkmp_orm.remedies`).
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
    """The caller's `cancelled` said yes while a sound file was being analysed."""


class ServiceUnavailableError(WkmpOrmError):
    """A web service gave no answer, or is left alone by now; `service` is its name.

    Nothing is known then, which is not the same as an answer that it knows nothing.
    """

    def __init__(self, service: str, reason: str, *remedies: Remedy) -> None:
        super().__init__(f"{service}: {reason}", *remedies)
        self.service = service


class EveryFileFailsError(WkmpOrmError):
    """Every file of an import failed with the same unexpected error, so the import ended.

    No file is to blame: a library of a version that does not fit, or a phase that is broken, is.
    `__cause__` is the error of the last file.
    """


class ImportSessionError(WkmpOrmError):
    """The import session's state does not allow this."""


class ImportRunningError(ImportSessionError):
    """Another import is running on this database."""
