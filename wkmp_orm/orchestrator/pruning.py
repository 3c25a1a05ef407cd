"""Prunes a library: checks again that missing files are gone, backs up and deletes their rows."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from wkmp_orm.core.types import utc_now
from wkmp_orm.errors import ConfigurationError
from wkmp_orm.import_lock import import_lock
from wkmp_orm.orchestrator.presence import Presence
from wkmp_orm.paths import refuse_missing_root
from wkmp_orm.phases import missing_files
from wkmp_orm.phases.pruning import (
    Deleted,
    delete_missing,
    delete_orphans,
    is_everything_missing,
)
from wkmp_orm.schema import back_up

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from wkmp_orm.library import Library
    from wkmp_orm.phases import MissingFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was pruned, or would be.

    `files` are those whose rows are deleted. `edited` files have been missing for long enough but
    stay because a user edited their passages. `there` are files that are back and wait for the next
    import.
    """

    files: tuple[MissingFile, ...]
    edited: tuple[MissingFile, ...]
    there: tuple[MissingFile, ...]
    deleted: Deleted
    backup: Path | None


class _NotMeantError(Exception):
    """Rolls back a dry run."""


def prune(
    library: Library,
    *,
    missing_for: timedelta,
    orphans: bool = False,
    with_edits: bool = False,
    dry_run: bool = False,
    without_backup: bool = False,
) -> Pruned:
    """Delete the rows of files that have been missing for this long, with their passages.

    Files with passages that a user edited stay unless `with_edits`. `orphans` also deletes songs,
    artists, albums and works that nothing refers to and no user tuned. Before that, an SQLite file
    is copied to `<name>-before-prune.bak`. A server cannot be backed up here: `without_backup` must
    confirm that you have a backup. `dry_run` deletes nothing and returns what would be deleted.

    Raises ConfigurationError if all files are missing, the root cannot be reached, or no backup can
    be made of this kind of database; SchemaError if the backup fails; ImportRunningError. In all
    these cases nothing has changed. Any thread may call it.
    """
    refuse_missing_root(library.root)
    with import_lock(library.target):
        missing_by = utc_now() - missing_for
        missing = _missing_since(library, missing_by)
        presence = Presence(library.root)
        gone = [row for row in missing if presence.is_gone(row.path)]
        is_gone = {row.guid for row in gone}
        there = [row for row in missing if row.guid not in is_gone]
        edited = [row for row in gone if row.edited_passages and not with_edits]
        files = [row for row in gone if with_edits or not row.edited_passages]
        backup = None
        if not dry_run and (files or orphans):
            backup = _backup(library, without_backup=without_backup)
        deleted = Deleted()
        with suppress(_NotMeantError), library.begin_monitored("prune") as session:
            guids = [row.guid for row in files]
            deleted.files = delete_missing(
                session, guids, missing_by=missing_by, with_edits=with_edits
            )
            if orphans:
                delete_orphans(session, deleted)
            if dry_run:
                raise _NotMeantError
    return Pruned(
        files=tuple(files),
        edited=tuple(edited),
        there=tuple(there),
        deleted=deleted,
        backup=backup,
    )


def _missing_since(library: Library, moment: datetime) -> list[MissingFile]:
    with library.reader() as session:
        if is_everything_missing(session):
            message = (
                f"all files of {library.target} are missing: mount their disk and import again."
                " Nothing was deleted; whoever means it deletes the database"
            )
            raise ConfigurationError(message)
        return [row for row in missing_files(session) if row.missing_since <= moment]


def _backup(library: Library, *, without_backup: bool) -> Path | None:
    if without_backup:
        return None
    if library.target.path is None:
        message = (
            f"{library.target} is on a server, where no copy is kept beside it: make a backup with"
            " Library.back_up (`db backup FILE`), and say without_backup=True (--without-backup)."
            " Nothing was deleted"
        )
        raise ConfigurationError(message)
    return back_up(library.target, library._writer.engine, before="prune")
