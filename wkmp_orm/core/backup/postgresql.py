"""Backs up and restores PostgreSQL databases with its own programs, `pg_dump` and `pg_restore`.

They get the password through their environment, because other users can see their arguments.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

from wkmp_orm.core.backup.sqlite_copy import new_file, refuse_another, sync_folder
from wkmp_orm.core.engine.postgresql import NOTICES_LOSS
from wkmp_orm.core.errors import BackupError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from wkmp_orm.core.engine.target import DatabaseTarget

LOCK_WAIT_MS: Final = 60_000
"""How long a dump waits for a table whose definition is being changed, as by a migration."""

_NOT_FOR_PROGRAMS: Final = frozenset({"password", "context", "prepare_threshold", "autocommit"})
_TABLE: Final = re.compile(r"^\d+; \d+ \d+ TABLE \S+ (?P<name>\S+) ", re.MULTILINE)


def dump(target: DatabaseTarget, file: Path, put_there: Callable[[Path, Path], Path]) -> None:
    """Let `pg_dump` archive the whole database, check the archive, and move it to its place.

    Raises BackupError with the program's message, ConfigurationError if the program is missing, and
    OSError.
    """
    program = _program("pg_dump")
    unfinished = file.with_name(f"{file.name}.unfinished")
    with new_file(unfinished) as descriptor:
        # Name the file: nothing notices if an archive on standard output is cut off.
        arguments = (
            *("--format=custom", "--no-password", f"--file={unfinished}"),
            f"--lock-wait-timeout={LOCK_WAIT_MS}",
        )
        what = f"no backup of {target} could be made"
        _run([program, *arguments, *_connection(target)], target, what)
        refuse_another(unfinished, descriptor)
        os.fsync(descriptor)
        read_through(unfinished, ())
        put_there(unfinished, file)
    sync_folder(file.parent)


def read_through(file: Path, tables: Collection[str]) -> None:
    """Raise BackupError unless the file is a complete archive that contains these tables."""
    program = _program("pg_restore")
    what = f"{file} is not a backup that can be restored"
    listed = _run([program, "--list", str(file)], None, what)
    missing = sorted(set(tables) - set(_TABLE.findall(listed)))
    if missing:
        message = (
            f"{file} is a backup of another program's database: it has no {', '.join(missing)}"
        )
        raise BackupError(message)
    _run([program, f"--file={os.devnull}", str(file)], None, what)


def load(target: DatabaseTarget, file: Path, *, patience_s: float) -> None:
    """Let `pg_restore` replace the archive's tables, in one transaction.

    Raises BackupError with the program's message; then nothing is changed.
    """
    own_options = target.url.query.get("options", "")
    _run(
        [
            _program("pg_restore"),
            *("--clean", "--if-exists", "--no-owner", "--no-password"),
            *("--single-transaction", "--exit-on-error"),
            *_connection(target),
            str(file),
        ],
        target,
        f"{file} could not be restored into {target}, and nothing was changed",
        environment={"PGOPTIONS": f"{own_options} -c lock_timeout={round(patience_s * 1000)}"},
    )


def _program(name: str) -> str:
    program = shutil.which(name)
    if program is None:
        message = (
            f"{name} is not on the PATH: install PostgreSQL's client programs, in the server's"
            " version or a newer one"
        )
        raise ConfigurationError(message)
    return program


def _connection(target: DatabaseTarget) -> list[str]:
    """Return the arguments that name the database, without a secret."""
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415  an extra

    if target.secrets:
        message = (
            f"the URL of {target} has a secret option besides the password, and PostgreSQL's"
            " programs would show it to other users: put it into a connection service file"
        )
        raise ConfigurationError(message)
    _, arguments = target.url.get_dialect()().create_connect_args(target.url)
    shown = {key: value for key, value in arguments.items() if key not in _NOT_FOR_PROGRAMS}
    shown.pop("options", None)
    return ["--dbname", make_conninfo("", **NOTICES_LOSS | shown)]


def _run(
    command: list[str],
    target: DatabaseTarget | None,
    what: str,
    *,
    environment: dict[str, str] | None = None,
) -> str:
    added = dict(environment or {})
    if target is not None and target.url.password is not None:
        added["PGPASSWORD"] = str(target.url.password)
    ended = subprocess.run(  # noqa: S603  PostgreSQL's own program
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=os.environ | added,
        text=True,
        errors="replace",
    )
    if ended.returncode != 0:
        said = " ".join(ended.stderr.split()) or f"exit code {ended.returncode}"
        message = f"{what}: {said}"
        raise BackupError(message)
    return ended.stdout
