"""What hypothesis draws: calls whose references are still open, about few rows with few values.

Few, so that calls meet: two or three natural keys a table, one or two values a column.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import add, or_
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from tests.flush.recordings import LONG_AGO, mbid
from tests.histories.calls import Guid
from tests.histories.performer import FIXED, SETTINGS, fixed
from tests.histories.shapes import shape
from wkmp_orm import FileStatus, SongStatus, SourceType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Own:
    """One of the handles that the unit of work has of this table, or else a known row."""

    table: str
    index: int


@dataclass(frozen=True, slots=True)
class Known:
    """The guid of one of the rows that there are or were."""

    table: str
    index: int


@dataclass(frozen=True, slots=True)
class Draft:
    """A call whose references are open."""

    verb: str
    table: str
    values: dict[str, Any] = field(default_factory=dict)
    target: Any = None
    where: dict[str, Any] = field(default_factory=dict)
    required: bool = True
    rows: tuple[dict[str, Any], ...] = ()
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class UnitDraft:
    """One unit of work: its calls, and those that mend it when its commit fails."""

    calls: list[Draft]
    mends: list[Draft]
    insists: bool = True
    """Whether calls are made also if they have the unit refused."""


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
        "optional orders",  # required=False
        "references to discarded rows",
        "statements",
        "updates",
        "where guid",
    }
)
"""What histories may have. Taking one out shows which findings need it."""

_JSON: Final = [{"n": 1}, {"n": True}, {"n": 1.0}]
_KEYS: Final[Mapping[str, dict[str, list[Any]]]] = {
    "settings": {"key": list(SETTINGS)},
    "works": {"work_mbid": [mbid(1, 1), mbid(1, 2)]},
    "songs": {"recording_mbid": [mbid(2, 1), mbid(2, 2), mbid(2, 3)]},
    "artists": {"artist_mbid": ["name:a", "name:b"]},
    "files": {"path": ["1.flac", "2.flac", "3.flac"]},
    "passages": {"file_id": ["files"], "end_time_ticks": [10, 20]},
}
_NEEDED: Final[Mapping[str, dict[str, list[Any]]]] = {
    "works": {"title": ["x", "y"]},
    "artists": {"name": ["x", "y"]},
    "files": {"modification_time": [LONG_AGO]},
}
_OTHERS: Final[Mapping[str, dict[str, list[Any]]]] = {
    "settings": {"value": ["1", "2"]},
    "works": {"title": ["y"], "min_cooldown": [5]},
    "songs": {
        "title": ["x", "y"],
        "lyrics": ["la"],
        "work_id": ["works"],
        "status": [SongStatus.FLAVOR_READY],
        "flavor_vector": _JSON,
    },
    "artists": {"name": ["y"], "min_cooldown": [5]},
    "files": {
        "title": ["x", "y"],
        "hash": ["", "h"],
        "status": [FileStatus.PROCESSING, FileStatus.DUPLICATE_HASH],
        "matching_hashes": [[1], [True]],
    },
    "passages": {
        "title": ["x", "y"],
        "user_title": ["mine"],
        "song_id": ["songs"],
        "import_metadata": _JSON,
    },
}
_LINKS: Final[Mapping[str, dict[str, list[Any]]]] = {
    "song_artists": {"weight": [0.6, 0.4, 1.0]},
    "song_works": {},
    "passage_songs": {"start_time_ticks": [0], "end_time_ticks": [5, 9]},
}
_PARENTS: Final = {"work_id": "works", "song_id": "songs", "file_id": "files"}
_ENTITIES: Final = tuple(_KEYS)
_USUAL: Final = (*("files", "songs") * 3, *("passages", "artists", "works") * 2, "settings")


_OWN: Final = {table: st.sampled_from([Own(table, n) for n in range(3)]) for table in _ENTITIES}
_KNOWN: Final = {table: st.sampled_from([Known(table, n) for n in range(3)]) for table in _ENTITIES}
_REFERENCES: Final = {table: _OWN[table] | _KNOWN[table] for table in _ENTITIES}


def reference(table: str) -> st.SearchStrategy[Any]:
    """Draw a row of a table, by handle or by guid."""
    return _REFERENCES[table]


def _each_table(
    tables: Iterable[str], make: Callable[[str], st.SearchStrategy[Draft]]
) -> st.SearchStrategy[Draft]:
    """Draw a table, then what `make` makes of it: made once, as making strategies takes long."""
    tables = list(tables)
    made = {table: make(table) for table in tables}
    return st.sampled_from(tables).flatmap(made.__getitem__)


def _few(
    columns: dict[str, st.SearchStrategy[Any]], *, least: int = 0, most: int = 2
) -> st.SearchStrategy[dict[str, Any]]:
    """Draw a few of the columns, so that a person can read the call."""
    pairs = [st.tuples(st.just(name), columns[name]) for name in sorted(columns)]
    if not pairs:
        return st.just({})
    pair = st.sampled_from(range(len(pairs))).flatmap(pairs.__getitem__)
    return st.lists(pair, min_size=least, max_size=most).map(dict)


def _drawn(table: str, column: str, pool: list[Any]) -> st.SearchStrategy[Any]:
    if column in _PARENTS:
        return reference(_PARENTS[column])
    return st.sampled_from(pool)


def _columns(
    table: str, columns: Mapping[str, list[Any]], *, none: bool
) -> dict[str, st.SearchStrategy[Any]]:
    nullable = shape(table).nullable
    return {
        column: _drawn(table, column, pool) | st.none()
        if none and column in nullable
        else _drawn(table, column, pool)
        for column, pool in columns.items()
    }


FILLED: Final = UnitDraft(
    [
        Draft("put", "works", {"work_mbid": mbid(1, 1), "title": "x"}),
        Draft("put", "songs", {"recording_mbid": mbid(2, 1), "work_id": Own("works", 0)}),
        Draft("put", "songs", {"recording_mbid": mbid(2, 2)}),
        Draft("put", "artists", {"artist_mbid": "name:a", "name": "x"}),
        Draft("put", "files", {"path": "1.flac", "modification_time": LONG_AGO}),
        Draft("put", "files", {"path": "2.flac", "modification_time": LONG_AGO, "title": "x"}),
        Draft("put", "passages", {"file_id": Own("files", 0), "end_time_ticks": 10}),
        Draft(
            "link",
            "song_artists",
            {"song_id": Own("songs", 0), "artist_id": Own("artists", 0), "weight": 0.6},
        ),
    ],
    [],
)
"""A small library, for histories that begin with one."""


class Drafts:
    """The strategies of calls, with some features left out."""

    def __init__(self, features: frozenset[str]) -> None:
        self._features = features

    def history(self) -> st.SearchStrategy[list[UnitDraft]]:
        """Draw a few units of work, of which the first fill the database."""
        unit = st.builds(
            UnitDraft,
            st.lists(self.call(), min_size=1, max_size=6),
            st.lists(self.mend(), max_size=2),
            st.sampled_from([False, False, True]),
        )
        filled = st.sampled_from([[], [FILLED], [FILLED]])
        return st.builds(add, filled, st.lists(unit, min_size=1, max_size=4))

    def call(self) -> st.SearchStrategy[Draft]:
        """Draw any call."""
        weighted = [(4, self.put())]
        weighted += [(1, self.add())] if "add" in self._features else []
        weighted += [(2, self.link())] if "links" in self._features else []
        weighted += [(3, self.update())] if "updates" in self._features else []
        weighted += [(2, self.delete())] if "deletes" in self._features else []
        weighted += [(1, self.correction())] if "corrections" in self._features else []
        weighted += [(1, self.statement())] if "statements" in self._features else []
        kinds = [kind for weight, kind in weighted for _ in range(weight)]
        return st.sampled_from(range(len(kinds))).flatmap(kinds.__getitem__)

    def mend(self) -> st.SearchStrategy[Draft]:
        """Draw a call that may mend a failed unit of work."""
        if "corrections" not in self._features:
            return self.put()
        return st.one_of(self.correction(), self.correction(), self.put(), self.update())

    def put(self) -> st.SearchStrategy[Draft]:
        return _each_table(_USUAL, lambda table: self._row("put", table))

    def add(self) -> st.SearchStrategy[Draft]:
        provenance = st.builds(
            lambda passage: Draft(
                "add",
                "import_provenance",
                {"passage_id": passage, "source_type": SourceType.IDENTITY_EXTRACTOR},
            ),
            reference("passages"),
        )
        return provenance | _each_table(_ENTITIES, lambda table: self._row("add", table))

    def _row(self, verb: str, table: str) -> st.SearchStrategy[Draft]:
        often = 4 if "missing columns" in self._features else 0
        needed = {
            name: st.sampled_from([*pool * (often or 1), *[None] * bool(often)])
            for name, pool in _NEEDED.get(table, {}).items()
        }
        optional = self._optional(table, none=True)
        optional = {name: its for name, its in optional.items() if name not in needed}
        if "chosen guids" in self._features and table != "settings":
            optional["guid"] = st.integers(0, FIXED - 1).map(lambda n: fixed(table, n))
        keys = _columns(table, _KEYS[table], none=False)
        given = st.builds(or_, st.fixed_dictionaries(keys | needed), _few(optional))
        return st.builds(Draft, st.just(verb), st.just(table), given)

    def link(self) -> st.SearchStrategy[Draft]:
        usual = ("song_artists", "song_artists", "song_works", "passage_songs")
        return _each_table(usual, self._link)

    def _link(self, table: str) -> st.SearchStrategy[Draft]:
        parents = {r.column: reference(r.parent) for r in shape(table).references}
        others = _columns(table, _LINKS[table], none=False)
        ordered = {name: parents[name] for name in shape(table).key}
        values = st.fixed_dictionaries(ordered | others)
        return st.builds(Draft, st.just("link"), st.just(table), values)

    def update(self) -> st.SearchStrategy[Draft]:
        return _each_table(_USUAL, self._update)

    def _update(self, table: str) -> st.SearchStrategy[Draft]:
        columns = self._optional(table, none=True)
        if "moves" in self._features and table != "settings":
            columns |= _columns(table, _KEYS[table], none=False)
        return self._order("update", table, _few(columns, least=1))

    def delete(self) -> st.SearchStrategy[Draft]:
        usual = [table for table in _USUAL if table != "settings"]
        return _each_table(usual, lambda table: self._order("delete", table, st.just({})))

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
        if table == "settings":
            return st.sampled_from(SETTINGS).map(Guid)
        if "handles in orders" not in self._features:
            return _KNOWN[table]
        return _KNOWN[table] | _KNOWN[table] | _OWN[table]

    def _where(self, table: str) -> st.SearchStrategy[dict[str, Any]]:
        if "conditions" not in self._features:
            return st.just({})
        columns = self._optional(table, none=True) | _columns(table, _KEYS[table], none=False)
        columns = {
            name: strategy | st.lists(strategy, max_size=2) if name not in _PARENTS else strategy
            for name, strategy in columns.items()
            if name not in shape(table).json
        }
        if "where guid" in self._features and table != "settings":
            columns["guid"] = _KNOWN[table]
        return st.just({}) | _few(columns, least=1, most=1)

    def correction(self) -> st.SearchStrategy[Draft]:
        return _each_table(_USUAL, self._correction)

    def _correction(self, table: str) -> st.SearchStrategy[Draft]:
        target = _OWN[table]
        columns = self._optional(table, none=False) | _columns(table, _KEYS[table], none=False)
        corrected = st.builds(
            Draft, st.just("set"), st.just(table), _few(columns, least=1, most=1), target
        )
        return corrected | st.builds(Draft, st.just("discard"), st.just(table), st.just({}), target)

    def statement(self) -> st.SearchStrategy[Draft]:
        return _each_table(("files", "songs", "artists"), self._statement)

    def _statement(self, table: str) -> st.SearchStrategy[Draft]:
        row = st.fixed_dictionaries({"g": reference(table)})
        column = "name" if table == "artists" else "title"
        texts = st.fixed_dictionaries({"g": reference(table), "text": st.just("z")})
        least = 0 if "empty statements" in self._features else 1
        expected = st.none() | st.integers(0, 1)

        def drawn(verb: str, rows: st.SearchStrategy[Any]) -> st.SearchStrategy[Draft]:
            return st.builds(
                lambda rows, expected: Draft(
                    "execute",
                    table,
                    {"verb": verb, "column": column},
                    rows=tuple(rows),
                    expected=expected,
                ),
                st.lists(rows, min_size=least, max_size=2),
                expected,
            )

        return drawn("update", texts) | drawn("delete", row)

    def _optional(self, table: str, *, none: bool) -> dict[str, st.SearchStrategy[Any]]:
        columns = {
            name: pool
            for name, pool in _OTHERS[table].items()
            if "json" in self._features or name not in shape(table).json
        }
        return _columns(table, columns, none=none)
