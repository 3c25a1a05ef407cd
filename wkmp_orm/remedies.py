"""What can be done about an error, where it names a setting, a folder or a command of ours."""

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
    "correct the setting library_root if the whole folder was moved, and only then"
)
UPGRADE_WKMP_ORM: Final = Remedy(
    "upgrade wkmp_orm", "upgrade wkmp_orm:", ("pip", "install", "--upgrade", "wkmp_orm")
)
ACCEPT_MISSING: Final = Remedy(
    "mark them all the same with import_folder(accept_missing=True)",
    "mark them all the same:",
    ("wkmp-orm", "import", "--accept-missing"),
)
TAKE_OVER: Final = Remedy(
    "cancel its session with import_folder(take_over=True) if you know that it has ended",
    "if you know that it has ended, cancel its session:",
    ("wkmp-orm", "import", "--take-over"),
)
LIST_SETTINGS: Final = Remedy(
    "wkmp_orm.settings.SETTINGS has them all", "see them all:", ("wkmp-orm", "settings", "list")
)

GIVE_ROOT_TO_ADOPT: Final = Remedy(
    "say which folder is its root: Library.adopt(root=...)",
    "say which folder is its root:",
    ("wkmp-orm", "db", "adopt", "--root", "FOLDER"),
)


def adopt_database(database: str) -> Remedy:
    """Take over a database of the other services, with its rows."""
    command = ("wkmp-orm", "db", "adopt", "--database", database)
    return Remedy(
        f"run {shlex.join(command)}, or call Library.adopt",
        "take it over, after a backup:",
        command,
    )


def create_schema(database: str) -> Remedy:
    """Let somebody who may write make the schema."""
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
    """Bring a backup back."""
    command = ("wkmp-orm", "db", "restore", "FILE", "--database", database)
    return Remedy("restore a backup with wkmp_orm.schema.restore", "restore a backup:", command)


def mend_rows(database: str) -> Remedy:
    """Mend rows of which it is certain what they mean."""
    command = ("wkmp-orm", "db", "check", "--mend", "--database", database)
    return Remedy(f"run {shlex.join(command)}", "mend them, after a backup:", command)


def set_setting(name: str, value: str) -> Remedy:
    """Store a setting; `value` may be a word in capitals that stands for one."""
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
        "let more of them read:",
        ("wkmp-orm", "settings", "set", "ai_database_connection_pool_size", "32"),
    ),
)
