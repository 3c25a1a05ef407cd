"""Workers that meet a name and its id at once end with one row, and lose no link."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any, Final

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.phases.importing import in_order, mbid, race, stored
from tests.phases.kinds import NINA, Artists, Kind, name, naming
from tests.support.interception import intercepting
from wkmp_orm import Phase
from wkmp_orm.phases import artist_identity

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Database
    from tests.support.interception import DriverCall
    from wkmp_orm import Library, UnitOfWork

ROUNDS: Final = 30


def backwards(library: Library, phase: str, *fills: Callable[[UnitOfWork], None]) -> None:
    in_order(library, phase, *reversed(fills))


in_every_order = pytest.mark.parametrize(
    "how",
    [
        pytest.param(in_order, id="in order"),
        pytest.param(backwards, id="backwards"),
        pytest.param(race, id="at once"),
    ],
)


def guid_of(library: Library, kind: Kind) -> str:
    """Return the guid of the only row."""
    [(guid,)] = stored(library, kind.model.guid)
    return str(guid)


@in_every_order
def test_name_and_id_of_one_end_in_one_row_in_every_order(
    library: Library, kind: Kind, how: Callable[..., Any]
) -> None:
    for number in range(ROUNDS):
        called = f"Nina {number:02}"
        how(
            library,
            Phase.RECORDING,
            naming(kind, 2 * number, kind.named(called)),
            naming(kind, 2 * number + 1, kind.named(called, number + 1)),
        )
    assert kind.rows(library) == [
        (mbid(n + 1), f"Nina {n:02}", f"{kind.placeholder}nina {n:02}") for n in range(ROUNDS)
    ]
    assert kind.links(library) == [
        (2 * n + again, mbid(n + 1)) for n in range(ROUNDS) for again in (0, 1)
    ]


@in_every_order
def test_the_same_news_from_two_workers_is_one_row(
    library: Library, kind: Kind, how: Callable[..., Any]
) -> None:
    for number in (None, 7):
        news = kind.named(NINA, number)
        how(library, Phase.RECORDING, naming(kind, 1, news), naming(kind, 2, news))
        who = news.mbid or news.key
        assert kind.rows(library) == [(who, NINA, news.key)]
        assert kind.links(library) == [(1, who), (2, who)]


def test_of_two_ids_that_arrive_at_once_one_takes_the_row_and_the_other_gets_its_own(
    library: Library, kind: Kind
) -> None:
    name(library, kind, 1, kind.named(NINA))
    guid = guid_of(library, kind)
    race(
        library,
        Phase.RECORDING,
        naming(kind, 2, kind.named(NINA, 7)),
        naming(kind, 3, kind.named(NINA, 8)),
    )
    assert [row[0] for row in kind.rows(library)] == [mbid(7), mbid(8)]
    assert kind.links(library)[1:] == [(2, mbid(7)), (3, mbid(8))]
    taken = kind.links(library)[0][1]
    assert (guid, taken) in stored(
        library, kind.model.guid, getattr(kind.model, f"{kind.table[:-1]}_mbid")
    )


def test_no_link_is_lost_that_is_made_while_its_placeholder_is_merged(
    library: Library, kind: Kind
) -> None:
    for number in range(ROUNDS):
        nina, doctor, item = f"Nina {number:02}", f"Doctor {number:02}", 4 * number
        name(library, kind, item, kind.named(nina))
        name(library, kind, item + 1, kind.named(doctor, number + 1))
        race(
            library,
            Phase.RECORDING,
            naming(kind, item + 2, kind.named(nina)),
            naming(kind, item + 3, kind.named(nina, number + 1)),
        )
    assert len(kind.rows(library)) == ROUNDS
    assert kind.links(library) == [(n, mbid(n // 4 + 1)) for n in range(4 * ROUNDS)]


def test_a_dozen_workers_that_name_the_same_few_at_once_all_succeed(
    library: Library, kind: Kind
) -> None:
    for number in range(5):
        names = [f"Nina {number}", f"Doctor {number}"]
        whom = [
            kind.named(called, None if who is None else 10 * number + who)
            for called, who in itertools.product(names, (None, 1, 1, 2, 3, None))
        ]
        race(
            library,
            Phase.RECORDING,
            *(naming(kind, 12 * number + n, identity) for n, identity in enumerate(whom)),
        )
    assert [item for item, _ in kind.links(library)] == list(range(60))
    assert len([who for who, *_ in kind.rows(library) if not who.startswith(("n", "t"))]) == 15


_examples = itertools.count()


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), min_size=2, max_size=5))
def test_workers_that_name_the_same_at_once_end_as_one_after_the_other(
    library: Library, steps: list[tuple[str, bool]]
) -> None:
    kind, example = Artists(), 100 * next(_examples)
    fills = []
    for item, (letter, by_id) in enumerate(steps, start=example):
        number = example + ord(letter) if by_id else None
        identity = artist_identity(f"{letter} {example}", None if number is None else mbid(number))
        fills.append(naming(kind, item + 1_000_000, identity))
    race(library, Phase.RECORDING, *fills)
    rows = {(who, key) for who, _, key in kind.rows(library) if key.endswith(f" {example}")}
    with_id = {letter for letter, by_id in steps if by_id}
    assert rows == {
        (
            mbid(example + ord(letter)) if letter in with_id else f"name:{letter} {example}",
            f"name:{letter} {example}",
        )
        for letter, _ in steps
    }


def test_no_link_is_lost_when_it_becomes_clear_who_is_meant_in_the_middle_of_a_merge(
    postgresql_database: Database, kind: Kind
) -> None:
    """Two rows stand for the name until the links were to move, and one when they have not."""
    with postgresql_database.open() as library:
        for number in (1, 2):
            name(library, kind, number, kind.named(NINA, number))
        name(library, kind, 0, kind.named(NINA))
        engine = library._writer.engine
        told: list[str] = []

        def change_names(call: DriverCall) -> None:
            statement = call.statement
            if not told and re.match(rf"UPDATE {kind.links_table} ", statement):
                told.append(statement)
                with engine.begin() as another:
                    others = sa.update(kind.model).where(id_of(kind).in_([mbid(1), mbid(2)]))
                    another.execute(others.values(identity_key="another name"))

        with intercepting(engine, after=change_names):
            name(library, kind, 3, kind.named(NINA, 3))
        assert len(told) == 1
        assert [item for item, _ in kind.links(library)] == [0, 1, 2, 3]
        # Whoever meets the name next finds out who it is.
        name(library, kind, 4, kind.named(NINA, 3))
        assert [whom for _, whom in kind.links(library)] == [mbid(n) for n in (3, 1, 2, 3, 3)]


def id_of(kind: Kind) -> sa.ColumnElement[str]:
    column: sa.ColumnElement[str] = getattr(kind.model, f"{kind.table[:-1]}_mbid")
    return column
