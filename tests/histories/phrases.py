"""What hypothesis draws of rows, and of calls that only together go wrong.

Drawn one by one, such calls would hardly ever meet.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.histories.drafts import Draft, Known, Own
from tests.histories.performer import FIXED, fixed
from tests.histories.shapes import shape

if TYPE_CHECKING:
    from collections.abc import Mapping

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

    [(column, keys)] = world.keys[among].items()
    others = {name: pool[0] for name, pool in world.needed.get(among, {}).items()}
    puts = [Draft("put", among, {column: key} | others) for key in keys]

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
        return [*puts, *drafts]  # all of them are there, and compete for what is left

    pool = world.links[table][total.column]
    return st.builds(
        shared,
        reference(parents[total.per]),
        st.permutations(range(3)),
        st.lists(st.sampled_from([Own, Known]), min_size=3, max_size=3),
        st.lists(st.sampled_from([min(pool), *pool]), min_size=2, max_size=3),
        st.none() | st.integers(0, 2),
    )


def child_first(
    parents: Mapping[str, str],
    rows: st.SearchStrategy[Draft],
    call: st.SearchStrategy[Draft],
    parent_rows: Mapping[str, st.SearchStrategy[Draft]],
) -> st.SearchStrategy[list[Draft]]:
    """Draw a row that is given before the row that it refers to, and maybe a call between.

    `parents` are the tables that its columns refer to.
    """

    def put(child: Draft, between: list[Draft], parent: Draft, column: str, guid: Guid) -> Any:
        key = shape(parent.table).key[0]
        return [
            replace(child, values=child.values | {column: guid}),
            *between,
            replace(parent, values=parent.values | {key: guid}),
        ]

    return st.one_of(
        [
            st.builds(
                put,
                rows,
                st.lists(call, max_size=1),
                parent_rows[parent],
                st.just(column),
                st.sampled_from([fixed(parent, number) for number in range(FIXED)]),
            )
            for column, parent in sorted(parents.items())
        ]
    )


def spelled_twice(
    world: World, parents: Mapping[str, str], rows: st.SearchStrategy[Draft]
) -> st.SearchStrategy[list[Draft]]:
    """Draw two puts that name the row that they belong to by its handle and by its guid.

    `parents` are the tables that columns of the natural key refer to.
    """
    [(column, parent)] = parents.items()
    [(name, keys)] = world.keys[parent].items()
    others = {name: pool[0] for name, pool in world.needed.get(parent, {}).items()}

    def spelled(number: int, one: Draft, other: Draft, order: list[int]) -> list[Draft]:
        same = {name: one.values[name] for name in world.keys[one.table]}
        spellings = [Own(parent, 0), Known(parent, number)]
        return [
            Draft("put", parent, {name: keys[number]} | others),
            *(
                replace(row, values=row.values | same | {column: spellings[place]})
                for row, place in zip((one, other), order, strict=True)
            ),
        ]

    return st.builds(spelled, st.integers(0, len(keys) - 1), rows, rows, st.permutations(range(2)))
