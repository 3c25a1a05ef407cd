"""How texts out of tags become values: years, ids, names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wkmp_orm.audio.values import ids_in, mbid_of, names_in, text_of, year_of

MBID = "0383dadf-2a4e-4d10-a46a-e9e041da8eb3"


@pytest.mark.parametrize(
    ("date", "year"),
    [
        ("1965", 1965),
        ("1965-03-12", 1965),
        ("1965/03", 1965),
        ("1965-03-12T10:11:12Z", 1965),
        ("12.03.1965", 1965),
        ("March 12, 1965", 1965),
        ("19650312", 1965),
        ("12031965", None),
        ("0000", None),
        ("0965-01-01", None),
        ("65", None),
        ("196503", None),
        ("12345", None),
        ("unknown", None),
    ],
)
def test_a_year_has_four_digits_in_whatever_notation(date: str, year: int | None) -> None:
    assert year_of(date) == year


@pytest.mark.parametrize(
    ("text", "mbid"),
    [
        (MBID, MBID),
        (MBID.upper(), MBID),
        (MBID.replace("-", ""), None),
        (f"{{{MBID}}}", None),
        (MBID[:-1], None),
        (MBID + "0", None),
        ("00000000-0000-0000-0000-000000000000", None),
        ("", None),
        ("https://musicbrainz.org/artist/" + MBID, None),
    ],
)
def test_a_musicbrainz_id_is_a_hyphenated_uuid_that_is_not_all_zeros(
    text: str, mbid: str | None
) -> None:
    assert mbid_of(text) == mbid


@pytest.mark.parametrize("between", ["/", ";", "; ", ",", " ", "\n", " / "])
def test_joined_ids_are_taken_apart(between: str) -> None:
    assert ids_in(between.join([MBID, "x"])) == [MBID, "x"]


@pytest.mark.parametrize(
    ("credit", "names"),
    [
        ("Anna", ["Anna"]),
        ("Anna & Bert", ["Anna", "Bert"]),
        ("Anna feat. Bert", ["Anna", "Bert"]),
        ("Anna Ft Bert", ["Anna", "Bert"]),
        ("Anna; Bert/Cleo", ["Anna", "Bert", "Cleo"]),
        ("Anna, Bert and Cleo", ["Anna", "Bert", "Cleo"]),
        ("Andy Band", ["Andy Band"]),
        ("Exxon", ["Exxon"]),
    ],
)
def test_a_printed_credit_is_cut_at_what_joins_names(credit: str, names: list[str]) -> None:
    assert names_in(credit) == names


@given(st.text(st.characters(exclude_categories=[])))
def test_every_text_becomes_one_that_utf8_can_hold_or_none(text: str) -> None:
    cleaned = text_of(text)
    if cleaned is not None:
        assert cleaned
        assert cleaned == cleaned.strip()
        assert "\x00" not in cleaned
        assert cleaned.encode().decode() == cleaned
        assert text_of(cleaned) == cleaned


def test_half_a_surrogate_pair_is_replaced_and_a_whole_one_joined() -> None:
    assert text_of("a\udce9b") == "a\ufffdb"
    assert text_of("\ud83c\udfb5") == "\U0001f3b5"
