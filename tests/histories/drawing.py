"""What hypothesis draws: histories of drafted calls, each about a few tables that go together.

A history about few tables has calls that meet; one about all of them has few that do.
"""

from __future__ import annotations

from functools import cache
from itertools import chain
from operator import add, or_
from typing import TYPE_CHECKING, Any, Final, TypeVar

from hypothesis import strategies as st

from tests.histories.calls import Guid
from tests.histories.drafts import Culprit, Draft, UnitDraft
from tests.histories.performer import FIXED, fixed
from tests.histories.phrases import (
    child_first,
    known,
    own,
    reference,
    renames,
    shares,
    spelled_twice,
)
from tests.histories.shapes import shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tests.histories.world import World

FEATURES: Final = frozenset(
    {
        "add",  # new rows whose natural key may be there
        "chosen guids",  # so that a child may be given before its parent
        "conditions",
        "corrections",  # set and discard
        "deletes",
        "empty statements",
        "handles in orders",  # update and delete of the unit's own rows
        "json",
        "links",
        "missing columns",
        "moves",  # updates of natural keys
        "puts",
        "other writers",  # foreign SQL, or a unit of work, at some point of a commit
        "optional orders",  # required=False
        "statements",
        "updates",
        "where guid",
    }
)
"""What histories may have. Taking one out shows which findings need it."""

_OFTEN: Final = 3
SEAMS: Final = (0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8)
"""Where another program comes: few commits make more than five calls."""


Drawn = TypeVar("Drawn")


def _each_table(
    tables: Iterable[str], make: Callable[[str], st.SearchStrategy[Drawn]]
) -> st.SearchStrategy[Drawn]:
    """Draw a table, then what `make` makes of it: made once, as making strategies takes long."""
    tables = list(tables)
    made = {table: make(table) for table in tables}
    return st.sampled_from(tables).flatmap(made.__getitem__)


@cache
def histories(
    world: World, features: frozenset[str] = FEATURES, tables: tuple[str, ...] = ()
) -> st.SearchStrategy[list[UnitDraft]]:
    """Draw a history that has no other features than these, about these tables if any are given."""
    chosen = [tables] if tables else world.foci
    foci = [Drawing(world, features, frozenset(each)).history() for each in chosen]
    return st.sampled_from(range(len(foci))).flatmap(foci.__getitem__)


class Drawing:
    """The strategies of calls about some tables, with some features."""

    def __init__(self, world: World, features: frozenset[str], tables: frozenset[str]) -> None:
        self._world = world
        self._features = features
        self._tables = sorted(tables)
        self._made = [table for table in self._tables if not shape(table).is_named]
        """Those whose rows can move and go."""
        self._links = [
            link
            for link in world.links
            if tables.issuperset(reference.parent for reference in shape(link).references)
        ]

    def history(self) -> st.SearchStrategy[list[UnitDraft]]:
        """Draw a few units of work, of which the first fill the database."""
        unit = st.builds(
            UnitDraft,
            st.lists(self.phrase(), min_size=1, max_size=6).map(
                lambda each: [*chain.from_iterable(each)]
            ),
            st.lists(self.mend(), max_size=3),
            st.sampled_from([False, False, True]),
            self.others(),
            st.sampled_from(SEAMS),
            st.booleans(),
        )
        filled = st.sampled_from([[], [self._world.filled], [self._world.filled]])
        return st.builds(add, filled, st.lists(unit, min_size=1, max_size=4))

    def _few(
        self, columns: dict[str, st.SearchStrategy[Any]], *, least: int = 0, most: int = 2
    ) -> st.SearchStrategy[dict[str, Any]]:
        """Draw a few of the columns, so that a person can read the call."""
        often = self._world.often
        names = [name for name in sorted(columns) for _ in range(_OFTEN if name in often else 1)]
        pairs = [st.tuples(st.just(name), columns[name]) for name in names]
        if not pairs:
            return st.just({})
        pair = st.sampled_from(range(len(pairs))).flatmap(pairs.__getitem__)
        return st.lists(pair, min_size=least, max_size=most).map(dict)

    def phrase(self) -> st.SearchStrategy[list[Draft]]:
        """Draw a call, or now and then a few that belong together."""
        call = self.call().map(lambda one: [one])
        phrases = []
        tables = [table for table in self._made if len(self._world.keys[table]) == 1]
        if {"moves", "updates"} <= self._features and tables:
            phrases.append(_each_table(tables, lambda table: renames(self._world, table)))
        shared = [link for link in self._links if shape(link).total]
        if {"links", "deletes"} <= self._features and shared:
            phrases.append(_each_table(shared, lambda table: shares(self._world, table)))
        children = [table for table in self._tables if self._parents(table)]
        if {"chosen guids", "add", "puts"} <= self._features and children:
            phrases.append(_each_table(children, self._child_first))
        spelled = [table for table in children if self._parents(table, shape(table).natural_key)]
        if "puts" in self._features and spelled:
            phrases.append(_each_table(spelled, self._spelled_twice))
        made = [call] * 9 + phrases
        return st.sampled_from(range(len(made))).flatmap(made.__getitem__)

    def _parents(self, table: str, among: Iterable[str] = ()) -> dict[str, str]:
        found = _parents(table)
        return {name: found[name] for name in among or found if found.get(name) in self._made}

    def _child_first(self, table: str) -> st.SearchStrategy[list[Draft]]:
        rows = self._row("put", table) | self._row("add", table)
        parents = {p: self._row("put", p) | self._row("add", p) for p in self._made}
        return child_first(self._parents(table), rows, self.call(), parents)

    def _spelled_twice(self, table: str) -> st.SearchStrategy[list[Draft]]:
        parents = self._parents(table, shape(table).natural_key)
        return spelled_twice(self._world, parents, self._row("put", table))

    def call(self) -> st.SearchStrategy[Draft]:
        """Draw any call."""
        weighted = [(4, self.put())] if "puts" in self._features else []
        weighted += [(1, self.add())] if "add" in self._features else []
        weighted += [(2, self.link())] if "links" in self._features and self._links else []
        weighted += [(3, self.update())] if "updates" in self._features else []
        weighted += [(2, self.delete())] if "deletes" in self._features else []
        weighted += [(1, self.correction())] if "corrections" in self._features else []
        weighted += [(1, self.statement())] if self._stated() else []
        kinds = [kind for weight, kind in weighted for _ in range(weight)]
        return st.sampled_from(range(len(kinds))).flatmap(kinds.__getitem__)

    def mend(self) -> st.SearchStrategy[Draft]:
        """Draw a call that may mend a failed unit of work."""
        kinds = [self.put()] if "puts" in self._features else []
        kinds += [self.update()] if "updates" in self._features else []
        if "corrections" in self._features:
            discard = Draft("discard", self._tables[0], {}, Culprit())
            kinds += [self.correction(), st.just(discard), st.just(discard)]
        return st.one_of(kinds)

    def others(self) -> st.SearchStrategy[tuple[Draft, ...]]:
        """Draw what another program does: nothing, mostly."""
        if "other writers" not in self._features:
            return st.just(())
        update = _each_table(self._made, lambda table: self._foreign("update", table))
        delete = _each_table(self._made, lambda table: self._foreign("delete", table))
        insert = _each_table(self._tables, lambda table: self._row("add", table))
        more = [self.put(), self.link()] if self._links else [self.put()]
        one = st.one_of(update, update, delete, insert, *more)
        some = st.lists(one, min_size=1, max_size=2).map(tuple)
        return st.sampled_from([0, 0, 1]).flatmap([st.just(()), some].__getitem__)

    def _foreign(self, verb: str, table: str) -> st.SearchStrategy[Draft]:
        columns = self._optional(table, none=True)
        columns |= self._columns(table, self._world.keys[table], none=False)
        values = self._few(columns, least=1, most=1) if verb == "update" else st.just({})
        target = known(table)
        return st.builds(
            Draft, st.just(verb), st.just(table), values, target, st.just({}), st.just(False)
        )

    def put(self) -> st.SearchStrategy[Draft]:
        return _each_table(self._tables, lambda table: self._row("put", table))

    def add(self) -> st.SearchStrategy[Draft]:
        rows = _each_table(self._tables, lambda table: self._row("add", table))
        parents = [table for table in self._tables if table in self._world.children]
        for table in parents:
            rows |= st.builds(self._world.children[table], reference(table))
        return rows

    def _row(self, verb: str, table: str) -> st.SearchStrategy[Draft]:
        often = 4 if "missing columns" in self._features else 0
        needed = {
            name: st.sampled_from([*pool * (often or 1), *[None] * bool(often)])
            for name, pool in self._world.needed.get(table, {}).items()
        }
        optional = self._optional(table, none=True)
        optional = {name: its for name, its in optional.items() if name not in needed}
        if "chosen guids" in self._features and table in self._made:
            optional[shape(table).key[0]] = st.integers(0, FIXED - 1).map(lambda n: fixed(table, n))
        keys = self._columns(table, self._world.keys[table], none=False)
        given = st.builds(or_, st.fixed_dictionaries(keys | needed), self._few(optional))
        return st.builds(Draft, st.just(verb), st.just(table), given)

    def link(self) -> st.SearchStrategy[Draft]:
        return _each_table(self._links, self._link)

    def _link(self, table: str) -> st.SearchStrategy[Draft]:
        parents = {r.column: reference(r.parent) for r in shape(table).references}
        others = self._columns(table, self._world.links[table], none=False)
        ordered = {name: parents[name] for name in shape(table).key}
        values = st.fixed_dictionaries(ordered | others)
        return st.builds(Draft, st.just("link"), st.just(table), values)

    def update(self) -> st.SearchStrategy[Draft]:
        return _each_table(self._tables, self._update)

    def _update(self, table: str) -> st.SearchStrategy[Draft]:
        columns = self._optional(table, none=True)
        if "moves" in self._features and table in self._made:
            columns |= self._columns(table, self._world.keys[table], none=False)
        return self._order("update", table, self._few(columns, least=1))

    def delete(self) -> st.SearchStrategy[Draft]:
        return _each_table(self._made, lambda table: self._order("delete", table, st.just({})))

    def _order(
        self, verb: str, table: str, values: st.SearchStrategy[dict[str, Any]]
    ) -> st.SearchStrategy[Draft]:
        return st.builds(
            Draft,
            st.just(verb),
            st.just(table),
            values,
            self._target(table),
            self._where(table),
            st.sampled_from([False, True])
            if "optional orders" in self._features
            else st.just(True),
        )

    def _target(self, table: str) -> st.SearchStrategy[Any]:
        if table not in self._made:
            return st.sampled_from(self._world.keys[table][shape(table).key[0]]).map(Guid)
        if "handles in orders" not in self._features:
            return known(table)
        return known(table) | known(table) | own(table)

    def _where(self, table: str) -> st.SearchStrategy[dict[str, Any]]:
        if "conditions" not in self._features:
            return st.just({})
        columns = self._optional(table, none=True) | self._columns(
            table, self._world.keys[table], none=False
        )
        columns = {
            name: strategy | st.lists(strategy, max_size=2)
            if name not in _parents(table)
            else strategy
            for name, strategy in columns.items()
            if name not in shape(table).json
        }
        if "where guid" in self._features and table in self._made:
            columns[shape(table).key[0]] = known(table)
        some = self._few(columns, least=1, most=1)
        return st.sampled_from([0, 0, 1]).flatmap([st.just({}), some].__getitem__)

    def correction(self) -> st.SearchStrategy[Draft]:
        return _each_table(self._tables, self._correction)

    def _correction(self, table: str) -> st.SearchStrategy[Draft]:
        target = own(table)
        columns = self._optional(table, none=False) | self._columns(
            table, self._world.keys[table], none=False
        )
        corrected = st.builds(
            Draft, st.just("set"), st.just(table), self._few(columns, least=1, most=1), target
        )
        return corrected | st.builds(Draft, st.just("discard"), st.just(table), st.just({}), target)

    def statement(self) -> st.SearchStrategy[Draft]:
        return _each_table(self._stated(), self._statement)

    def _stated(self) -> list[str]:
        stated = self._world.texts if "statements" in self._features else ()
        return [table for table in self._made if table in stated]

    def _statement(self, table: str) -> st.SearchStrategy[Draft]:
        row = st.fixed_dictionaries({"g": reference(table)})
        column = self._world.texts[table]
        texts = st.fixed_dictionaries({"g": reference(table), "text": st.just("z")})
        least = 0 if "empty statements" in self._features else 1
        expected = st.none() | st.integers(0, 1)

        def drawn(verb: str, rows: st.SearchStrategy[Any]) -> st.SearchStrategy[Draft]:
            said = {"verb": verb, "column": column}
            return st.builds(
                lambda rows, expected: Draft(
                    "execute", table, said, rows=tuple(rows), expected=expected
                ),
                st.lists(rows, min_size=least, max_size=2),
                expected,
            )

        return drawn("update", texts) | drawn("delete", row)

    def _optional(self, table: str, *, none: bool) -> dict[str, st.SearchStrategy[Any]]:
        columns = {
            name: pool
            for name, pool in self._world.others[table].items()
            if "json" in self._features or name not in shape(table).json
        }
        return self._columns(table, columns, none=none)

    def _columns(
        self, table: str, columns: Mapping[str, list[Any]], *, none: bool
    ) -> dict[str, st.SearchStrategy[Any]]:
        drawn = {}
        for column, pool in columns.items():
            parent = _parents(table).get(column)
            if parent is not None and parent not in self._tables:
                continue
            drawn[column] = st.sampled_from(pool) if parent is None else reference(parent)
            if none and column in shape(table).nullable:
                drawn[column] |= st.none()
        return drawn


def _parents(table: str) -> dict[str, str]:
    return {reference.column: reference.parent for reference in shape(table).references}
