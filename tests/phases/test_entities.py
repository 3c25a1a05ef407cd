"""An artist or album is one row, whichever of its name and its id comes first."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.flush.stored import age, dump
from tests.phases.importing import in_order, load, mbid, race, set_columns, stored, watching
from tests.phases.kinds import Albums, Artists, Kind
from wkmp_orm import Album, Artist, Phase
from wkmp_orm.phases import album_identity, artist_identity

if TYPE_CHECKING:
    from collections.abc import Callable

    from wkmp_orm import Library, UnitOfWork
    from wkmp_orm.phases import Identity

ROUNDS: Final = 30
TUNED: Final = {"base_probability": 2.5, "min_cooldown": 60, "ramping_cooldown": 90}
NINA, DOCTOR = "Nina Simone", "Dr. Simone"


@pytest.fixture(params=[Artists(), Albums()], ids=["artists", "albums"])
def kind(request: pytest.FixtureRequest) -> Kind:
    """Give artists and albums in turn."""
    given: Kind = request.param
    return given


def naming(kind: Kind, item: int, *identities: Identity) -> Callable[[UnitOfWork], None]:
    """Return what links an item, for a unit of work."""
    return lambda work: kind.link(work, item, *identities)


def name(library: Library, kind: Kind, item: int, *identities: Identity) -> None:
    """Link an item in a unit of work of its own."""
    in_order(library, Phase.RECORDING, naming(kind, item, *identities))


def guid_of(library: Library, kind: Kind) -> str:
    """Return the guid of the only row."""
    [(guid,)] = stored(library, kind.model.guid)
    return str(guid)


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


def test_all_spellings_of_a_name_without_id_are_one_row(library: Library, kind: Kind) -> None:
    for item, spelling in enumerate((NINA, "NINA SIMONE", " Nina  Simone ")):
        name(library, kind, item, kind.named(spelling))
    key = f"{kind.placeholder}nina simone"
    assert kind.rows(library) == [(key, NINA, key)]
    assert kind.links(library) == [(0, key), (1, key), (2, key)]


def test_an_id_that_arrives_later_is_taken_by_the_row_that_is_there(
    library: Library, kind: Kind
) -> None:
    name(library, kind, 1, kind.named("NINA SIMONE"))
    guid = guid_of(library, kind)
    name(library, kind, 2, kind.named(NINA, 7))
    assert guid_of(library, kind) == guid
    assert kind.rows(library) == [(mbid(7), NINA, f"{kind.placeholder}nina simone")]
    assert kind.links(library) == [(1, mbid(7)), (2, mbid(7))]


def test_what_a_user_tuned_stays_when_the_id_arrives(library: Library) -> None:
    kind = Artists()
    name(library, kind, 1, kind.named(NINA))
    guid = guid_of(library, kind)
    set_columns(library, "artists", guid, **TUNED)
    name(library, kind, 2, kind.named(NINA, 7))
    artist = load(library, Artist, guid)
    assert {column: getattr(artist, column) for column in TUNED} == TUNED


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


def test_several_of_one_name_are_not_merged(library: Library, kind: Kind) -> None:
    for item, number in enumerate((7, 8, None, 7, 8, None, 9)):
        name(library, kind, item, kind.named("John Williams", number))
    key = f"{kind.placeholder}john williams"
    everyone = [mbid(7), mbid(8), mbid(9), key]
    assert kind.rows(library) == [(who, "John Williams", key) for who in everyone]
    assert [who for _, who in kind.links(library)] == [mbid(7), mbid(8), key] * 2 + [mbid(9)]


def test_two_artists_albums_of_one_title_stay_two(library: Library) -> None:
    kind = Albums()
    queen = album_identity("Greatest Hits", "Queen")
    abba = album_identity("Greatest Hits", "ABBA")
    for item, album in enumerate((queen, abba)):
        name(library, kind, item, album)
    name(library, kind, 2, album_identity("Greatest Hits", "Queen", mbid(7)))
    assert kind.rows(library) == [
        (mbid(7), "Greatest Hits", queen.key),
        (abba.key, "Greatest Hits", abba.key),
    ]
    assert kind.links(library) == [(0, mbid(7)), (1, abba.key), (2, mbid(7))]


def test_where_another_row_has_the_id_the_links_move_there(library: Library, kind: Kind) -> None:
    name(library, kind, 1, kind.named(NINA))
    name(library, kind, 2, kind.named(DOCTOR, 7))
    name(library, kind, 3, kind.named(NINA, 7))
    assert kind.rows(library) == [(mbid(7), DOCTOR, f"{kind.placeholder}nina simone")]
    assert kind.links(library) == [(1, mbid(7)), (2, mbid(7)), (3, mbid(7))]
    age(library)
    before = dump(library)
    name(library, kind, 1, kind.named(NINA))
    name(library, kind, 2, kind.named(DOCTOR, 7))
    name(library, kind, 3, kind.named(NINA, 7))
    assert dump(library) == before


def test_an_item_that_was_linked_to_both_is_linked_to_the_one_that_stays(
    library: Library, kind: Kind
) -> None:
    name(library, kind, 2, kind.named(DOCTOR, 7))
    name(library, kind, 1, kind.named(NINA), kind.named(DOCTOR, 7))
    name(library, kind, 3, kind.named(NINA, 7))
    assert kind.links(library) == [(1, mbid(7)), (2, mbid(7)), (3, mbid(7))]


def test_what_a_user_tuned_moves_with_the_links(library: Library) -> None:
    kind = Artists()
    name(library, kind, 1, kind.named(NINA))
    set_columns(library, "artists", guid_of(library, kind), **TUNED)
    name(library, kind, 2, kind.named(DOCTOR, 7))
    [(guid,)] = set(stored(library, Artist.guid)) - {(guid_of_key(library, "name:nina simone"),)}
    set_columns(library, "artists", guid, min_cooldown=5)
    name(library, kind, 3, kind.named(NINA, 7))
    artist = load(library, Artist, guid_of(library, kind))
    assert artist.guid == guid
    tuned = {column: getattr(artist, column) for column in TUNED}
    assert tuned == TUNED | {"min_cooldown": 5}


def guid_of_key(library: Library, artist_mbid: str) -> str:
    [guid] = [
        guid for who, guid in stored(library, Artist.artist_mbid, Artist.guid) if who == artist_mbid
    ]
    return str(guid)


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


def test_name_and_id_in_one_file_are_one_row(library: Library, kind: Kind) -> None:
    name(library, kind, 1, kind.named(NINA), kind.named(NINA, 7))
    name(library, kind, 2, kind.named(NINA, 7), kind.named("NINA SIMONE", 7))
    assert kind.rows(library) == [(mbid(7), NINA, f"{kind.placeholder}nina simone")]
    assert kind.links(library) == [(1, mbid(7)), (2, mbid(7))]


def test_an_id_that_takes_a_placeholder_may_come_with_two_names(
    library: Library, kind: Kind
) -> None:
    name(library, kind, 1, kind.named(NINA))
    name(library, kind, 2, kind.named(DOCTOR))
    name(library, kind, 3, kind.named(NINA, 7), kind.named(DOCTOR, 7))
    assert [row[0] for row in kind.rows(library)] == [mbid(7)]
    assert kind.links(library) == [(1, mbid(7)), (2, mbid(7)), (3, mbid(7))]


def test_two_ids_and_the_bare_name_in_one_file_are_three_rows(library: Library, kind: Kind) -> None:
    for _ in range(2):
        name(library, kind, 1, kind.named(NINA), kind.named(NINA, 7), kind.named(NINA, 8))
        assert len(kind.rows(library)) == 3


def test_naming_the_same_again_writes_nothing(library: Library, kind: Kind) -> None:
    everything = [
        (1, kind.named(NINA)),
        (2, kind.named(DOCTOR, 7)),
        (3, kind.named("John", 8)),
        (4, kind.named("John", 9)),
        (5, kind.named("John")),
        (6, kind.named(DOCTOR)),
    ]
    for item, identity in everything:
        name(library, kind, item, identity)
    age(library)
    before = dump(library)
    with watching(library) as recorder:
        for item, identity in everything:
            name(library, kind, item, identity)
    assert recorder.attempts == []
    assert dump(library) == before


def test_rows_of_older_services_are_found_by_id_and_by_placeholder(
    library: Library, kind: Kind
) -> None:
    column, label = f"{kind.table[:-1]}_mbid", "name" if kind.table == "artists" else "title"
    with library.unit_of_work("an older service") as work:
        table = getattr(work, kind.table)
        table.add({column: mbid(7), label: DOCTOR})
        table.add({column: f"{kind.placeholder}nina simone", label: NINA})
    name(library, kind, 1, kind.named(DOCTOR, 7))
    name(library, kind, 2, kind.named(DOCTOR))
    name(library, kind, 3, kind.named(NINA))
    assert kind.links(library) == [
        (1, mbid(7)),
        (2, mbid(7)),
        (3, f"{kind.placeholder}nina simone"),
    ]
    name(library, kind, 4, kind.named(NINA, 8))
    assert kind.rows(library) == [
        (mbid(7), DOCTOR, f"{kind.placeholder}dr. simone"),
        (mbid(8), NINA, f"{kind.placeholder}nina simone"),
    ]


@pytest.mark.parametrize("number", [None, 7])
def test_a_release_date_is_filled_in_when_it_becomes_known_and_stays(
    library: Library, number: int | None
) -> None:
    kind = Albums()
    album_mbid = None if number is None else mbid(number)
    for item, date in enumerate((None, "1965-10", None, "1999")):
        album = album_identity("Pastel Blues", NINA, album_mbid, date)
        name(library, kind, item, album)
        expected = None if item == 0 else "1965-10"
        assert stored(library, Album.release_date) == [(expected,)]
    assert len(kind.links(library)) == 4


def test_a_release_date_comes_with_the_id_or_moves_with_the_links(library: Library) -> None:
    kind = Albums()
    name(library, kind, 1, album_identity("Pastel Blues", NINA))
    name(library, kind, 2, album_identity("Pastel Blues", NINA, mbid(7), "1965-10"))
    name(library, kind, 3, album_identity("Live", NINA, None, "1968"))
    name(library, kind, 4, album_identity("Live!", NINA, mbid(8)))
    name(library, kind, 5, album_identity("Live", NINA, mbid(8)))
    assert stored(library, Album.album_mbid, Album.release_date) == [
        (mbid(7), "1965-10"),
        (mbid(8), "1968"),
    ]


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


class Model:
    """What must come of a sequence of names and ids, said as simply as possible."""

    def __init__(self) -> None:
        self.key_of: dict[str, str] = {}
        self.placeholders: set[str] = set()
        self.links: dict[int, str] = {}

    def name(self, item: int, identity: Identity) -> None:
        key, who = identity.key, identity.mbid
        owners = {known for known, its_key in self.key_of.items() if its_key == key}
        if who is None:
            who = owners.pop() if len(owners) == 1 else key
            self.placeholders |= {key} & {who}
        else:
            merges = key in self.placeholders and not owners - {who}
            if merges or who not in self.key_of:
                self.key_of[who] = key
            if merges:
                self.placeholders.remove(key)
                for linked in self.links:
                    if self.links[linked] == key:
                        self.links[linked] = who
        self.links[item] = who

    def rows(self) -> set[tuple[str, str]]:
        return {*self.key_of.items(), *((key, key) for key in self.placeholders)}


_examples = itertools.count()


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([None, 1, 2, 3])), max_size=9))
def test_any_sequence_of_names_and_ids_ends_as_the_model_says(
    library: Library, steps: list[tuple[str, int | None]]
) -> None:
    kind, model, example = Artists(), Model(), 100 * next(_examples)
    for item, (letter, number) in enumerate(steps, start=example):
        called = f"{letter} {example}"
        identity = kind.named(called, None if number is None else example + number)
        name(library, kind, item + 1_000_000, identity)
        model.name(item + 1_000_000, identity)
    rows = {(who, key) for who, _, key in kind.rows(library) if key.endswith(f" {example}")}
    links = {item: who for item, who in kind.links(library) if item in model.links}
    assert rows == model.rows()
    assert links == model.links


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
