"""Who an artist or album is while no id says so: a placeholder made of its names."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.phases.importing import mbid
from wkmp_orm.phases import album_identity, artist_identity

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


def folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name.casefold()).split())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("Nina Simone", "NINA SIMONE", id="case"),
        pytest.param("Bj\u00f6rk", "Bjo\u0308rk", id="composed and decomposed"),
        pytest.param("Einst\u00fcrzende Neubauten", "EINSTU\u0308RZENDE NEUBAUTEN", id="both"),
        pytest.param("Die \u00c4rzte", " Die  \u00c4rzte\t", id="white space"),
        pytest.param("Wei\u00df", "WEISS", id="sharp s"),
    ],
)
def test_spellings_of_one_name_are_one_artist_and_one_album(one: str, other: str) -> None:
    assert artist_identity(one).key == artist_identity(other).key
    assert album_identity("x", one).key == album_identity("x", other).key
    assert album_identity(one, "x").key == album_identity(other, "x").key


@given(NAMES, NAMES)
def test_artists_share_a_placeholder_only_if_their_names_are_one(one: str, other: str) -> None:
    same = artist_identity(one).key == artist_identity(other).key
    assert same == (folded(one) == folded(other))


@given(st.tuples(NAMES, NAMES), st.tuples(NAMES, NAMES))
def test_albums_share_a_placeholder_only_if_artist_and_title_are_one(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    same = album_identity(*one).key == album_identity(*other).key
    assert same == (list(map(folded, one)) == list(map(folded, other)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(("Greatest Hits", "Queen"), ("Greatest Hits", "ABBA"), id="title"),
        pytest.param(("X", "AC/DC"), ("DC/X", "AC"), id="a slash in the artist"),
        pytest.param(("X", "a%2fb"), ("X", "a/b"), id="an escaped slash in the artist"),
    ],
)
def test_two_artists_albums_of_one_title_are_two(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert album_identity(*one).key != album_identity(*other).key


def test_an_album_whose_files_name_no_artist_is_known_by_its_title() -> None:
    assert album_identity("Pastel Blues", None).key == "title:/pastel blues"


def test_the_label_is_what_the_file_says_and_the_id_is_kept() -> None:
    artist = artist_identity("Nina SIMONE", mbid(1))
    album = album_identity("Pastel Blues", "Nina SIMONE", mbid(2), "1965-10")
    assert (artist.key, artist.label, artist.mbid) == ("name:nina simone", "Nina SIMONE", mbid(1))
    assert (album.key, album.label, album.mbid, album.release_date) == (
        "title:nina simone/pastel blues",
        "Pastel Blues",
        mbid(2),
        "1965-10",
    )


def test_names_of_any_length_have_placeholders_of_500_characters_and_stay_apart() -> None:
    beginning = "Symphony " * 200
    keys = {
        identity.key
        for end in "ab"
        for identity in (
            artist_identity(beginning + end),
            album_identity(beginning + end, "Nina"),
            album_identity("Live", beginning + end),
        )
    }
    assert len(keys) == 6
    assert {len(key) for key in keys} == {500}
    assert artist_identity(beginning.upper() + "A").key in keys
    assert artist_identity("x" * 495).key == "name:" + "x" * 495
