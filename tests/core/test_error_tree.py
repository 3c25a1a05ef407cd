"""The errors of the core are drawn as the tree that they are."""

from __future__ import annotations

from tests.core.error_tree import defined, drawn
from wkmp_orm.core import errors

ABSTRACT = frozenset({"RowError"})
"""Says what three others have in common, and is never raised."""


def test_the_drawing_of_the_errors_shows_all_of_them_below_the_right_ones() -> None:
    tree = drawn(errors)
    assert {name: above for name, (above, _) in tree.items()} == defined(errors, abstract=ABSTRACT)
    assert all(sentence for _, sentence in tree.values())
