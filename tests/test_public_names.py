"""What `wkmp_orm` offers is listed, sorted, importable and described."""

from __future__ import annotations

import ast
import inspect
import re
from importlib import import_module

import click
import pytest

import wkmp_orm
from tests.core.error_tree import defined, drawn
from wkmp_orm import core, errors, models, settings, ticks
from wkmp_orm.cli import commands
from wkmp_orm.cli.command_group import LISTED


def kind(name: str) -> int:
    """Sort as isort does: CONSTANTS, then Classes, then functions."""
    return 0 if name.isupper() else 1 if name[0].isupper() else 2


def test_all_lists_everything_that_type_checkers_see_and_nothing_else() -> None:
    tree = ast.parse(inspect.getsource(wkmp_orm))
    (seen,) = (
        each
        for each in tree.body
        if isinstance(each, ast.If) and ast.unparse(each.test) == "TYPE_CHECKING"
    )
    homes = {
        name.name: each.module
        for each in ast.walk(seen)
        if isinstance(each, ast.ImportFrom)
        for name in each.names
    }
    assert set(wkmp_orm.__all__) == {*homes, "__version__"}
    for name, home in homes.items():
        assert getattr(wkmp_orm, name) is getattr(import_module(str(home)), name), name


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    for name in ("Libary", "_private"):
        with pytest.raises(AttributeError, match=f"no attribute '{name}'"):
            getattr(wkmp_orm, name)
    assert wkmp_orm.browse.songs
    assert set(wkmp_orm.__all__) <= set(dir(wkmp_orm))


def test_help_says_of_every_command_what_the_command_says_of_itself() -> None:
    context = click.Context(commands)
    for name, listed in LISTED.items():
        command = commands.get_command(context, name)
        assert command is not None
        assert (command.name, command.get_short_help_str(100)) == (name, listed.short_help)


def test_all_is_sorted_and_has_no_name_twice() -> None:
    assert sorted(set(wkmp_orm.__all__), key=lambda n: (kind(n), n)) == list(wkmp_orm.__all__)


def test_the_top_has_fewer_than_forty_names() -> None:
    assert len(wkmp_orm.__all__) < 40


@pytest.mark.parametrize(
    ("name", "home"),
    [
        ("LockTimeoutError", "wkmp_orm.errors"),
        ("FileStatus", "wkmp_orm.models"),
        ("SettingKey", "wkmp_orm.settings"),
        ("TICKS_PER_SECOND", "wkmp_orm.ticks"),
        ("Database", "wkmp_orm.core"),
    ],
)
def test_who_asks_the_top_for_a_name_of_another_module_is_told_where_it_is(
    name: str, home: str
) -> None:
    told = re.escape(f"{name} is in {home}: write `from {home} import {name}`")
    with pytest.raises(ImportError, match=told):
        exec(f"from wkmp_orm import {name}", {})  # noqa: S102  as a program would say it
    with pytest.raises(AttributeError, match=told):
        getattr(wkmp_orm, name)
    assert not hasattr(wkmp_orm, name)


def test_every_error_is_public() -> None:
    for name, value in vars(errors).items():
        if inspect.isclass(value) and issubclass(value, errors.WkmpOrmError):
            assert name in errors.__all__, name


def test_the_drawing_of_our_errors_shows_all_of_them_below_the_right_ones() -> None:
    ours = {name: above for name, (above, sentence) in drawn(errors).items() if sentence}
    assert ours == defined(errors, abstract=frozenset())


def test_every_model_is_public() -> None:
    mapped = {mapper.class_ for mapper in models.Base.registry.mappers}
    ours = {each.__name__ for each in mapped if each.__module__.startswith("wkmp_orm.models.")}
    assert ours <= set(models.__all__)


def test_everything_public_says_what_it_is() -> None:
    for module in (wkmp_orm, errors, models, settings, ticks, core):
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isroutine(value):
                assert inspect.getdoc(value), name
