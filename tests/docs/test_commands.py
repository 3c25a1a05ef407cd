"""Every command that the documentation names is there, with the options that it is given."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click
import pytest

from tests.docs.pages import PAGES, blocks
from wkmp_orm.cli import commands

if TYPE_CHECKING:
    from pathlib import Path

SHELLS = {"sh", "bash"}


def commands_of(page: Path) -> list[list[str]]:
    """Return the calls of wkmp-orm in a page's blocks for a shell, as lists of arguments."""
    lines = [
        part
        for block in blocks(page)
        if block.language in SHELLS
        for line in block.text.replace("\\\n", " ").split("\n")
        for part in line.split("&&")
    ]
    words = [shlex.split(line, comments=True) for line in lines]
    return [each[1:] for each in words if each and each[0].split("/")[-1] == "wkmp-orm"]


def parse(arguments: list[str]) -> None:
    """Read a command's options without running it.

    :raises click.UsageError: there is no such command or option.
    """
    command: click.Command = commands
    context = click.Context(command)
    while isinstance(command, click.Group):
        _, found, arguments = command.resolve_command(context, arguments)
        assert found is not None
        command, context = found, click.Context(found, parent=context)
    command.make_parser(context).parse_args(list(arguments))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_is_there_with_its_options(page: Path) -> None:
    for arguments in commands_of(page):
        parse(arguments)


def test_the_commands_of_the_pages_are_found_and_wrong_ones_too() -> None:
    assert sum(len(commands_of(page)) for page in PAGES) > 30
    for wrong in (["imprt", "music"], ["import", "--no-such-option"], ["db", "bakup"]):
        with pytest.raises(click.UsageError):
            parse(wrong)
