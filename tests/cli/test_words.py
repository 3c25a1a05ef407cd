"""What the library advises programs to do, in words for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wkmp_orm import ConfigurationError, Library
from wkmp_orm.cli.words import explanation

if TYPE_CHECKING:
    from tests.conftest import Database


def test_who_has_no_root_is_told_the_option_and_not_the_call(
    postgresql_database: Database,
) -> None:
    with (
        Library.open(postgresql_database.url) as library,
        pytest.raises(ConfigurationError, match=r"Library\.open\(root=\.\.\.\)") as refused,
    ):
        _ = library.root
    told = explanation(refused.value)
    assert told.endswith("give one with wkmp-orm import --root")
