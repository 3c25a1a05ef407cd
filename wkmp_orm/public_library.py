"""The library as programs are given it: the front door, and behind it the import.

Stands above the orchestrator, which itself works with `wkmp_orm.library`, so that imports go on
pointing one way. Must not know how an import works.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from wkmp_orm.library import Library as LibraryWithoutImport

if TYPE_CHECKING:
    import os

    from wkmp_orm.orchestrator import ImportOptions, ImportSummary


class Library(LibraryWithoutImport):
    """An open database. Made by `Library.open`; a context manager that closes it.

    Any thread may use it. Each process opens its own; on SQLite a child that was forked while the
    file was open cannot, so start processes with multiprocessing's "spawn" or "forkserver".
    """

    def import_folder(
        self, folder: str | os.PathLike[str] | None = None, **options: Unpack[ImportOptions]
    ) -> ImportSummary:
        """Import a folder's sound files, and return what became of them when all are through.

        `folder` is the library's root unless given. The options are `workers`, `on_progress`,
        `stop`, `flavor_sources` and `steps`: `wkmp_orm.orchestrator.import_folder` says what they
        mean and what is raised. Needs the `audio` extra: ConfigurationError without it.
        """
        # The extra may be missing, and importing it takes 0.3 s that not every program wants to
        # spend.
        from wkmp_orm.orchestrator import import_folder  # noqa: PLC0415

        return import_folder(self, folder, **options)

    async def import_folder_async(
        self, folder: str | os.PathLike[str] | None = None, **options: Unpack[ImportOptions]
    ) -> ImportSummary:
        """Import a folder as `import_folder` does, without holding up the event loop.

        `on_progress` is called in the event loop. Cancelling the task ends the import in order: see
        `wkmp_orm.orchestrator.import_folder_async`.
        """
        from wkmp_orm.orchestrator import import_folder_async  # noqa: PLC0415

        return await import_folder_async(self, folder, **options)
