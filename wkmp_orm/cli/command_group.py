"""The commands by their names, each imported when it is run.

Importing them all brings SQLAlchemy, which takes half a second: `--help`, `--version` and the
completion of a command's name do without. Must not know what a command does.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final, NamedTuple

import click


class Listed(NamedTuple):
    """A command in its module, and what `--help` says of it in a line."""

    module: str
    name: str
    short_help: str


LISTED: Final = {
    "import": Listed("import_command", "import_command", "Import a folder of music."),
    "status": Listed(
        "status_command", "status_command", "Show what is in a library, and what failed and why."
    ),
    "ls": Listed("ls_command", "ls_command", "List songs, albums, artists, files or passages."),
    "show": Listed("show_command", "show_command", "Show all that is known of one thing."),
    "stats": Listed(
        "stats_command", "stats_command", "Show what a library amounts to, in numbers."
    ),
    "duplicates": Listed(
        "duplicates_command", "duplicates_command", "Show which files are equal to which."
    ),
    "failures": Listed(
        "failures_command", "failures_command", "Show what could not be imported, and why."
    ),
    "export": Listed(
        "export_command", "export_command", "Write a list as CSV, JSON Lines or a playlist."
    ),
    "retry-failed": Listed(
        "retry_command", "retry_command", "Try again what earlier imports could not do."
    ),
    "missing": Listed(
        "missing_command", "missing_command", "List the files that are not there any more."
    ),
    "prune": Listed(
        "prune_command",
        "prune_command",
        "Delete the rows of files that have been missing for long.",
    ),
    "doctor": Listed(
        "doctor_command",
        "doctor_command",
        "Examine a library, and say what mends what is wrong.",
    ),
    "settings": Listed(
        "settings_command", "settings_command", "Show and change the settings of a database."
    ),
    "db": Listed(
        "db_command", "db_command", "Upgrade and check a database, back it up and restore it."
    ),
}
"""In the order in which a person meets them."""


class CommandGroup(click.Group):
    """A group that imports its commands one by one."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """Return the names of all commands."""
        return [*LISTED]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command; None if there is none of this name."""
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
