"""What hypothesis draws of rows, and of calls that only together go wrong.

Drawn one by one, such calls would hardly ever meet.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.histories.drafts import Draft, Known, Own
from tests.histories.shapes import shape

if TYPE_CHECKING:
    from tests.histories.calls import Guid
    from tests.histories.world import World


@cache
def own(table: str) -> st.SearchStrategy[Any]:
    """Draw one of the unit's own handles."""
    return st.sampled_from([Own(table, n) for n in range(3)])


@cache
def known(table: str) -> st.SearchStrategy[Any]:
    """Draw the guid of a row that there is or was."""
    return st.sampled_from([Known(table, n) for n in range(3)])


@cache
def reference(table: str) -> st.SearchStrategy[Any]:
    """Draw a row of a table, by handle or by guid."""
    return own(table) | known(table)


def renames(world: World, table: str) -> st.SearchStrategy[list[Draft]]:
    """Draw updates that give known rows one another's keys."""
    [(column, keys)] = world.keys[table].items()

    def renamed(rows: list[int], given: list[Any]) -> list[Draft]:
        return [
            Draft("update", table, {column: key}, Known(table, row))
            for row, key in zip(rows[:2], given, strict=False)
        ]

    return st.builds(renamed, st.permutations(range(3)), st.permutations(keys))


def shares(world: World, table: str) -> st.SearchStrategy[list[Draft]]:
    """Draw links of one parent that may not all have room, and a delete that may make some."""
    total = shape(table).total
    assert total
    parents = {each.column: each.parent for each in shape(table).references}
    [among] = [parent for column, parent in parents.items() if column != total.per]

    def linked(parent: Any, row: Any, share: float) -> Draft:
        keys = {name: parent if name == total.per else row for name in shape(table).key}
        return Draft("link", table, keys | {total.column: share})

    def shared(
        parent: Any, rows: list[int], kinds: list[Any], given: list[float], gone: int | None
    ) -> list[Draft]:
        drafts = [
            linked(parent, kind(among, row), share)
            for row, kind, share in zip(rows, kinds, given, strict=False)
        ]
        if gone is not None:
            drafts.insert(gone, Draft("delete", among, {}, Known(among, rows[-1])))
        return drafts

    return st.builds(
        shared,
        reference(parents[total.per]),
        st.permutations(range(3)),
        st.lists(st.sampled_from([Own, Known]), min_size=3, max_size=3),
        st.lists(st.sampled_from(world.links[table][total.column]), min_size=2, max_size=3),
        st.none() | st.integers(0, 2),
    )


def child_first(
    child: Draft, between: list[Draft], parent: Draft, column: str, guid: Guid
) -> list[Draft]:
    """Have a row refer to one that is given later, by the guid that this will have."""
    key = shape(parent.table).key[0]
    return [
        replace(child, values=child.values | {column: guid}),
        *between,
        replace(parent, values=parent.values | {key: guid}),
    ]
