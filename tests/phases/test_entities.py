"""An artist or album is one row, whichever of its name and its id comes first."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.flush.stored import age, dump
from tests.phases.importing import load, mbid, set_columns, stored, watching
from tests.phases.kinds import DOCTOR, NINA, Albums, Artists, Kind, name
from wkmp_orm import Album, Artist
from wkmp_orm.phases import album_identity

if TYPE_CHECKING:
    from wkmp_orm import Library
    from wkmp_orm.phases import Identity

TUNED: Final = {"base_probability": 2.5, "min_cooldown": 60, "ramping_cooldown": 90}


def guid_of(library: Library, kind: Kind) -> str:
    """Return the guid of the only row."""
    [(guid,)] = stored(library, kind.model.guid)
    return str(guid)


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
    name(library, kind, 6, album_identity("Silk", NINA, None, "1967"))
    name(library, kind, 7, album_identity("Silk", NINA, mbid(9), "2006"))
    assert stored(library, Album.album_mbid, Album.release_date) == [
        (mbid(7), "1965-10"),
        (mbid(8), "1968"),
        (mbid(9), "1967"),
    ]


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
