"""What `wkmp_orm` offers is listed, sorted, importable and described."""

from __future__ import annotations

import inspect
import subprocess
import sys
from types import ModuleType

import pytest

import wkmp_orm
from wkmp_orm import errors, models

# Set by the import system, or by `from __future__ import annotations`.
NOT_OURS = {"annotations"}


def kind(name: str) -> int:
    """Sort as isort does: CONSTANTS, then Classes, then functions."""
    return 0 if name.isupper() else 1 if name[0].isupper() else 2


def test_all_lists_everything_public_and_nothing_else() -> None:
    public = {
        name
        for name, value in vars(wkmp_orm).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }

    assert set(wkmp_orm.__all__) == public - NOT_OURS | {"__version__"}


def test_all_is_sorted_and_has_no_name_twice() -> None:
    assert sorted(set(wkmp_orm.__all__), key=lambda n: (kind(n), n)) == list(wkmp_orm.__all__)


def test_every_error_is_public_and_in_the_drawing_of_the_tree() -> None:
    for name, value in vars(errors).items():
        if inspect.isclass(value) and issubclass(value, errors.WkmpOrmError):
            assert name in wkmp_orm.__all__, name
            # RowError says what three others have in common and is never raised.
            assert name in (errors.__doc__ or "") or name == "RowError", name


def test_every_model_and_its_words_are_public() -> None:
    assert set(models.__all__) <= set(wkmp_orm.__all__)
    for name in models.__all__:
        assert getattr(wkmp_orm, name) is getattr(models, name)


def test_everything_public_says_what_it_is() -> None:
    for name in wkmp_orm.__all__:
        value = getattr(wkmp_orm, name)
        if inspect.isclass(value) or inspect.isroutine(value):
            assert inspect.getdoc(value), name


@pytest.mark.smoke
def test_importing_it_opens_nothing_and_needs_no_extra() -> None:
    script = """
import sys
import wkmp_orm
extras = {"psycopg", "pysqlite3", "mediafile", "mutagen", "numpy", "av", "factory", "hypothesis"}
assert not extras & set(sys.modules), extras & set(sys.modules)
namespace = {}
exec("from wkmp_orm import *", namespace)
assert set(wkmp_orm.__all__) <= set(namespace)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)
