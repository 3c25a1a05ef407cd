"""The commands by name. Each module is imported when its command runs.

Importing all of them loads SQLAlchemy, which takes half a second; `--help`, `--version` and the
completion of a command's name do not need it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final, NamedTuple

import click


class Listed(NamedTuple):
    """A command: its module, its name, and its line in `--help`."""

    module: str
    name: str
    short_help: str


LISTED: Final = {
    "import": Listed("import_command", "import_command", "Import a folder of music."),
    "status": Listed(
        "status_command", "status_command", "Show what is in a library, and what failed and why."
    ),
    "ls": Listed("ls_command", "ls_command", "List songs, albums, artists, files or passages."),
    "show": Listed("show_command", "show_command", "Show one song, artist, album or file in full."),
    "stats": Listed("stats_command", "stats_command", "Show the statistics of a library."),
    "duplicates": Listed("duplicates_command", "duplicates_command", "Show which files are equal."),
    "failures": Listed(
        "failures_command", "failures_command", "Show which files could not be imported, and why."
    ),
    "report": Listed(
        "report_command",
        "report_command",
        "Write a page about a library, to look at in a browser.",
    ),
    "export": Listed(
        "export_command", "export_command", "Write a list as CSV, JSON Lines or a playlist."
    ),
    "retry-failed": Listed(
        "retry_command", "retry_command", "Retry what earlier imports ended without success."
    ),
    "missing": Listed("missing_command", "missing_command", "List the files that no longer exist."),
    "prune": Listed(
        "prune_command",
        "prune_command",
        "Delete the rows of files that have been missing for a long time.",
    ),
    "doctor": Listed(
        "doctor_command",
        "doctor_command",
        "Examine a library, and print faults and remedies.",
    ),
    "settings": Listed(
        "settings_command", "settings_command", "Show and change the settings of a database."
    ),
    "db": Listed(
        "db_command", "db_command", "Upgrade and check a database, back it up and restore it."
    ),
}
"""The commands, in the order in which users first need them."""


class CommandGroup(click.Group):
    """A group that imports a command when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """Return the names of all commands."""
        return [*LISTED]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command; return None if there is none with this name."""
        listed = LISTED.get(cmd_name)
        if listed is None:
            return None
        module = import_module(f"wkmp_orm.cli.{listed.module}")
        command: click.Command = getattr(module, listed.name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write what each command does, without importing it."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, listed.short_help) for name, listed in LISTED.items()])
