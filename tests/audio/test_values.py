"""How texts out of tags become values: years, ids, names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wkmp_orm.audio.values import (
    flag_of,
    folded,
    ids_in,
    mbid_of,
    names_in,
    number_of,
    text_of,
    year_of,
)

MBID = "0383dadf-2a4e-4d10-a46a-e9e041da8eb3"
OTHER = "1383dadf-2a4e-4d10-a46a-e9e041da8eb3"


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
    "spelled",
    [
        f"{{{MBID}}}",
        f'"{MBID}"',
        f"<{MBID}>",
        f"mbid:{MBID}",
        f"MBID: {MBID.upper()}",
        f"urn:uuid:{MBID}",
        f"https://musicbrainz.org/artist/{MBID}",
        f"http://www.musicbrainz.org/recording/{MBID}.html",
        f"https://beta.musicbrainz.org/work/{MBID}/recordings?page=2#top",
        f"musicbrainz.org/release/{MBID}",
    ],
)
def test_an_id_is_found_however_people_spell_it(spelled: str) -> None:
    assert [mbid_of(piece) for piece in ids_in(spelled)] == [MBID]
    several = f"{spelled}; {OTHER}"
    assert [mbid_of(piece) for piece in ids_in(several)] == [MBID, OTHER]


@pytest.mark.parametrize(
    "spelled", [f"https://acoustid.org/track/{MBID}", f"x{MBID}", f"{MBID}0", f"{MBID}-1", "{}"]
)
def test_what_only_has_the_look_of_an_id_is_none(spelled: str) -> None:
    assert [mbid_of(piece) for piece in ids_in(spelled)] == [None]


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("\ufeffBom Artist", "Bom Artist"),
        ("Bom\ufeff Artist\u200b", "Bom Artist"),
        (" \u200e \u2060Anna \u200f", "Anna"),
        ("So\u00adft", "Soft"),
        ("a\x01\x1bb", "ab"),
        ("\ufeff", None),
        (" \u200b\u2060 ", None),
        ("\u3164", None),
        ("\u200e\u2800\u200d", None),
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ),
        ("\u2764\ufe0f", "\u2764\ufe0f"),
        ("\U0001f469\u200d\U0001f3a4", "\U0001f469\u200d\U0001f3a4"),
    ],
)
def test_what_nobody_sees_is_no_part_of_a_text_unless_it_changes_what_is_seen(
    written: str, seen: str | None
) -> None:
    assert text_of(written) == seen


def test_spellings_that_differ_in_case_space_and_accents_form_are_one() -> None:
    assert folded("Cafe\u0301  Zero ") == folded("CAF\u00c9 zero")
    assert folded("Anna") != folded("Anne")


def test_a_flag_is_set_by_every_word_for_yes_and_no_other() -> None:
    assert all(map(flag_of, ("1", "true", "True", "YES")))
    assert not any(map(flag_of, ("0", "false", "no", "2", "-")))


@pytest.mark.parametrize(
    ("text", "number"),
    [("7", 7), ("3/12", 3), ("-1", -1), ("A1", None), ("9" * 5_000, 999_999_999)],
)
def test_a_number_is_what_a_text_begins_with(text: str, number: int | None) -> None:
    assert number_of(text) == number


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
