"""Remedies for errors that name a setting, a folder or a command of this package."""

from __future__ import annotations

import shlex
from typing import Final

from wkmp_orm.core.remedies import MORE_READERS, WAIT_LONGER, Remedy, say, the_same

GIVE_ROOT: Final = Remedy(
    "give one to Library.open(root=...)",
    "give one:",
    ("wkmp-orm", "import", "--root", "FOLDER"),
)
LEAVE_OUT_ROOT: Final = Remedy("open it without root", "leave out --root")
NAME_A_FOLDER: Final = Remedy(
    "name a folder, and give the URL to Library.open as the database",
    "name a folder, and give the URL with --database",
)
CORRECT_ROOT: Final = the_same(
    "correct the setting library_root, but only if the whole folder was moved"
)
UPGRADE_WKMP_ORM: Final = Remedy(
    "upgrade wkmp_orm", "upgrade wkmp_orm:", ("pip", "install", "--upgrade", "wkmp_orm")
)
ACCEPT_MISSING: Final = Remedy(
    "mark them anyway with import_folder(accept_missing=True)",
    "mark them anyway:",
    ("wkmp-orm", "import", "--accept-missing"),
)
TAKE_OVER: Final = Remedy(
    "cancel its session with import_folder(take_over=True) if you know that it has ended",
    "if you know that it has ended, cancel its session:",
    ("wkmp-orm", "import", "--take-over"),
)
LIST_SETTINGS: Final = Remedy(
    "see wkmp_orm.settings.SETTINGS",
    "list all settings:",
    ("wkmp-orm", "settings", "list"),
)

GIVE_ROOT_TO_ADOPT: Final = Remedy(
    "name its root folder: Library.adopt(root=...)",
    "name its root folder:",
    ("wkmp-orm", "db", "adopt", "--root", "FOLDER"),
)


def adopt_database(database: str) -> Remedy:
    """Adopt a database of the other services, with its rows."""
    command = ("wkmp-orm", "db", "adopt", "--database", database)
    return Remedy(
        f"run {shlex.join(command)}, or call Library.adopt",
        "adopt it, which makes a backup first:",
        command,
    )


def create_schema(database: str) -> Remedy:
    """Create the schema, which needs write permission."""
    return Remedy(
        "open it without read_only once",
        "create it:",
        ("wkmp-orm", "db", "upgrade", "--database", database),
    )


def upgrade_schema(database: str) -> Remedy:
    """Bring the schema to the newest revision."""
    command = ("wkmp-orm", "db", "upgrade", "--database", database)
    return Remedy(
        f"run {shlex.join(command)}, or open it with upgrade=True", "upgrade it:", command
    )


def restore_backup(database: str) -> Remedy:
    """Restore a backup."""
    command = ("wkmp-orm", "db", "restore", "FILE", "--database", database)
    return Remedy("restore a backup with wkmp_orm.schema.restore", "restore a backup:", command)


def mend_rows(database: str) -> Remedy:
    """Mend rows whose meaning is certain."""
    command = ("wkmp-orm", "db", "check", "--mend", "--database", database)
    return Remedy(f"run {shlex.join(command)}", "mend them, which makes a backup first:", command)


def set_setting(name: str, value: str) -> Remedy:
    """Store a setting; `value` may be a placeholder in capitals."""
    command = ("wkmp-orm", "settings", "set", name, value)
    return Remedy(f"run {shlex.join(command)}", "run", command)


say(
    WAIT_LONGER,
    Remedy(
        "raise ai_database_max_lock_wait_ms",
        "let it wait longer:",
        ("wkmp-orm", "settings", "set", "ai_database_max_lock_wait_ms", "20000"),
    ),
)
say(
    MORE_READERS,
    Remedy(
        "raise ai_database_connection_pool_size",
        "allow more readers:",
        ("wkmp-orm", "settings", "set", "ai_database_connection_pool_size", "32"),
    ),
)
