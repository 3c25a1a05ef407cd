"""`wkmp-orm settings`: shows and changes the settings of a database."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click
from rich.text import Text

from wkmp_orm.cli.options import chosen_database, database_option, existing_database
from wkmp_orm.cli.terminal import out, print_words, printable
from wkmp_orm.errors import SettingError
from wkmp_orm.library import Library
from wkmp_orm.settings import SETTINGS, setting_named

if TYPE_CHECKING:
    from wkmp_orm.settings import SettingKey, SettingsSnapshot

HIDDEN = "***"


@click.group("settings", short_help="Show and change the settings of a database.")
def settings_command() -> None:
    """Show and change the settings of a database."""


@settings_command.command("list")
@database_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for programs.")
def list_settings(database: str | None, *, as_json: bool) -> None:
    """List all settings with their values and what they mean."""
    with Library.open(existing_database(None, database), read_only=True) as library:
        stored = library.settings.snapshot()
    if as_json:
        click.echo(json.dumps({name: _value(stored, key) for name, key in SETTINGS.items()}))
        return
    for name, key in SETTINGS.items():
        unit = f" {key.unit}" if key.unit else ""
        out.print(Text.assemble((name, "bold"), " = ", (f"{_shown(stored, key)}{unit}", "cyan")))
        print_words(key.doc, style="dim", indent=4)


@settings_command.command("get")
@click.argument("name")
@database_option
def get_setting(name: str, database: str | None) -> None:
    """Print the value of one setting; an empty line is NULL."""
    key = setting_named(name)
    with Library.open(existing_database(None, database), read_only=True) as library:
        value = library.settings.get(key)
    click.echo(key.format(value) or "")


@settings_command.command("set", context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("value", required=False)
@click.option("--null", is_flag=True, help="Set it to NULL, if the setting allows it.")
@database_option
def set_setting(name: str, value: str | None, database: str | None, *, null: bool) -> None:
    """Set one setting: an int, a float, true or false, or a text, as its definition says."""
    if value is not None and name not in SETTINGS and value in SETTINGS:
        message = "give the setting's name first, then its value"
        raise click.UsageError(message)
    if null == (value is not None):
        message = "give either a VALUE or --null"
        raise click.UsageError(message)
    key = setting_named(name)
    # `parse` turns NULL into the default; here NULL itself is wanted, if the setting allows it.
    new = None if null else key.parse(value)
    with Library.open(chosen_database(database)) as library:
        library.settings.save({key: new})


def _value(stored: SettingsSnapshot, key: SettingKey[Any]) -> object:
    value = None
    with suppress(SettingError):
        value = stored.get(key)
    return HIDDEN if _is_hidden(key, value) else value


def _shown(stored: SettingsSnapshot, key: SettingKey[Any]) -> str:
    try:
        value = stored.get(key)
    except SettingError as error:
        return f"{error}; set it again"
    if _is_hidden(key, value):
        return HIDDEN
    return printable("NULL" if value is None else key.format(value) or '""')


def _is_hidden(key: SettingKey[Any], value: object) -> bool:
    # A URL that contains a user: no service needs one, but someone may have stored it.
    return bool(value) and (
        key.secret or (isinstance(value, str) and "://" in value and "@" in value)
    )
