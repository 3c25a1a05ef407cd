"""Lists of songs, artists, albums, files and passages, and the queries that narrow them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.browse.conftest import NINA, SECOND, SINNERMAN, add_file, tagged
from wkmp_orm import browse
from wkmp_orm.browse.query import parsed, sort_key, spellings
from wkmp_orm.errors import ConfigurationError
from wkmp_orm.models import FileStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from wkmp_orm import Library

FIELDS = ("title", "artist", "album", "path", "status")


def listed(library: Library, name: str, *query: str, **options: Any) -> list[Any]:
    """Return the entries of a list's first page."""
    with library.reader() as session:
        return [*getattr(browse, name)(session, query, **options).entries]


def titles(library: Library, *query: str) -> list[str | None]:
    return [each.title for each in listed(library, "songs", *query)]


@pytest.mark.smoke
def test_songs_without_ids_stand_among_those_with_ids_by_title(shared: Library) -> None:
    assert titles(shared) == [
        "Be My Husband",
        "Milord",
        "Side [remastered]",
        "Sinnerman",
        "Ágætis byrjun",
        None,
        None,
    ]


def test_a_song_says_who_made_it_and_where_it_can_be_heard(shared: Library) -> None:
    (known,) = listed(shared, "songs", "sinnerman")
    assert (known.artist, known.album, known.recording_mbid) == (
        "Nina Simone",
        "Pastel Blues",
        SINNERMAN,
    )
    assert (known.path, known.start_ticks, known.end_ticks, known.passages) == (
        "Nina/Sinnerman.flac",
        0,
        624 * SECOND,
        1,
    )
    (tagged_alone,) = listed(shared, "songs", "husband")
    assert (tagged_alone.artist, tagged_alone.album) == ("Nina Simone", "Pastel Blues")
    assert tagged_alone.recording_mbid is None
    assert tagged_alone.path == "Nina/husband.mp3"


def test_artists_are_counted_with_the_songs_that_only_tags_name(shared: Library) -> None:
    artists = {each.name: each for each in listed(shared, "artists")}
    assert [*artists] == ["Nina Simone", "Sigur Rós", "The Band", "Édith Piaf"]
    assert {name: each.songs for name, each in artists.items()} == {
        "Nina Simone": 2,
        "Sigur Rós": 1,
        "The Band": 2,
        "Édith Piaf": 1,
    }
    assert artists["Nina Simone"].artist_mbid == NINA
    assert artists["The Band"].artist_mbid is None


def test_albums_say_whose_they_are_and_how_much_of_them_is_there(shared: Library) -> None:
    albums = listed(shared, "albums")
    assert [(each.title, each.artist, each.passages) for each in albums] == [
        ("Pastel Blues", "Nina Simone", 2),
        ("Side", "The Band", 2),
        ("Ágætis byrjun", "Sigur Rós", 1),
    ]
    assert {each.album_mbid for each in albums} == {None}


def test_an_album_of_many_artists_has_none_of_its_own(library: Library) -> None:
    album = tagged("One", "Anna", "Hits").albums
    for title, artist in (("One", "Anna"), ("Two", "Bob")):
        passage = tagged(title, artist, "Hits")
        add_file(library, f"{title}.mp3", type(passage)(**{**_fields(passage), "albums": album}))
    (hits,) = listed(library, "albums")
    assert (hits.artist, hits.passages) == (None, 2)


def _fields(passage: Any) -> dict[str, Any]:
    return {name: getattr(passage, name) for name in passage.__slots__}


def test_files_stand_by_path_with_what_their_tags_say(shared: Library) -> None:
    files = listed(shared, "files")
    assert [each.path for each in files] == [
        "Nina/Sinnerman.flac",
        "Nina/husband.mp3",
        "Sigur/1.ogg",
        "broken.mp3",
        "copy 1.flac",
        "copy 2.flac",
        "piaf.mp3",
        "side a.wav",
        "untagged.wav",
    ]
    assert (files[0].title, files[0].format, files[0].status) == (
        "Sinnerman",
        "flac",
        FileStatus.INGEST_COMPLETE,
    )


def test_passages_stand_by_the_path_of_their_file_and_where_they_begin(
    shared: Library,
) -> None:
    passages = listed(shared, "passages")
    assert [(each.path, each.start_ticks // SECOND) for each in passages] == [
        ("Nina/Sinnerman.flac", 0),
        ("Nina/husband.mp3", 0),
        ("Sigur/1.ogg", 0),
        ("piaf.mp3", 0),
        ("side a.wav", 0),
        ("side a.wav", 300),
        ("untagged.wav", 0),
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (["NINA"], ["Be My Husband", "Sinnerman"]),
        (["pastel", "husband"], ["Be My Husband"]),
        (["artist:nina"], ["Be My Husband", "Sinnerman"]),
        (["artist:simone"], []),
        (["artist:nina simone", "title:sinn"], ["Sinnerman"]),
        (["title:SIDE [rem"], ["Side [remastered]"]),
        (["album:pastel"], ["Be My Husband", "Sinnerman"]),
        (["album:pastel", "artist:the"], []),
        (["ÉDITH"], ["Milord"]),
        (["artist:édith"], ["Milord"]),
        (["title:ágætis"], ["Ágætis byrjun"]),
        (["title:s", "title:si", "sinner"], ["Sinnerman"]),
        (["%"], []),
        (["_"], []),
        (["nobody"], []),
        (["untagged"], [None]),
        (["side a.wav"], [None]),
        (["flac"], []),
    ],
)
def test_words_are_found_anywhere_and_values_at_the_beginning(
    shared: Library, query: list[str], found: list[str | None]
) -> None:
    assert titles(shared, *query) == found


@pytest.mark.parametrize(
    ("name", "query", "found"),
    [
        ("artists", ["simone"], ["Nina Simone"]),
        ("artists", ["artist:s"], ["Sigur Rós"]),
        ("artists", ["artist:the", "band"], ["The Band"]),
        ("albums", ["artist:nina"], ["Pastel Blues"]),
        ("albums", ["artist:the b"], ["Side"]),
        ("albums", ["album:P"], ["Pastel Blues"]),
        ("albums", ["blues"], ["Pastel Blues"]),
        ("files", ["path:Nina/"], ["Nina/Sinnerman.flac", "Nina/husband.mp3"]),
        ("files", ["path:nina/"], []),
        ("files", ["status:dup"], ["copy 1.flac", "copy 2.flac"]),
        ("files", ["status:duplicate_hash", "1"], ["copy 1.flac"]),
        ("files", ["simone"], ["Nina/Sinnerman.flac"]),
        ("passages", ["path:side", "remastered"], ["side a.wav"]),
        ("passages", ["sigur"], ["Sigur/1.ogg"]),
    ],
)
def test_every_list_has_fields_of_its_own(
    shared: Library, name: str, query: list[str], found: list[str]
) -> None:
    def called(entry: Any) -> str:
        return str(getattr(entry, "path", None) or getattr(entry, "name", None) or entry.title)

    assert [called(each) for each in listed(shared, name, *query)] == found


@pytest.mark.parametrize("name", ["songs", "artists", "albums", "files", "passages"])
def test_pages_make_up_the_whole_list(shared: Library, name: str) -> None:
    whole = listed(shared, name)
    for limit in (1, 2, 3):
        found, after = [], None
        with shared.reader() as session:
            while True:
                page = getattr(browse, name)(session, after=after, limit=limit)
                found += page.entries
                assert len(page.entries) <= limit
                if (after := page.after) is None:
                    break
        assert found == whole


def test_pages_go_on_among_many_of_one_title(library: Library) -> None:
    for number in range(7):
        add_file(library, f"{number}.mp3", tagged("Intro", f"Artist {number}", None))
    guids: list[str] = []
    after = None
    with library.reader() as session:
        for _ in range(4):
            page = browse.songs(session, after=after, limit=2)
            guids += [each.guid for each in page.entries]
            after = page.after
    assert after is None
    assert len(set(guids)) == 7
    assert guids == sorted(guids)


def test_a_user_s_title_is_the_one_that_counts(collection: Library) -> None:
    (song,) = listed(collection, "songs", "husband")
    with collection.unit_of_work("user") as work:
        work.passages.update(song.guid, user_title="A husband of mine")
    assert titles(collection)[0] == "A husband of mine"
    assert titles(collection, "title:be my") == []


def test_an_empty_library_has_empty_lists(library: Library) -> None:
    for name in ("songs", "artists", "albums", "files", "passages"):
        assert listed(library, name) == []
        assert listed(library, name, "word") == []


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda s: browse.songs(s, "path:a"), "this list has no field path; it has album, artist"),
        (lambda s: browse.songs(s, 'artist:"nina'), "cannot be read: no closing quotation"),
        (lambda s: browse.songs(s, ["a" * 201]), "has over 200 characters"),
        (lambda s: browse.songs(s, ["a\0b"]), "contains a NUL"),
        (lambda s: browse.songs(s, limit=0), "limit=0 is not a number of entries: 1 to 1,000"),
        (lambda s: browse.songs(s, limit=1_001), "1 to 1,000"),
        (lambda s: browse.artists(s, after="x"), "'x' is not an entry of this list"),
        (lambda s: browse.passages(s, after=SINNERMAN), "is not a passage, or was deleted"),
        (lambda s: browse.files(s, "status:lost"), "there is no status 'lost'; a file is one of"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(
    shared: Library, ask: Callable[[Any], object], said: str
) -> None:
    with (
        shared.reader() as session,
        pytest.raises(ConfigurationError) as refused,
    ):
        ask(session)
    assert said in str(refused.value)


def test_a_query_may_be_one_text_with_quotes() -> None:
    query = parsed('artist:"nina simone" sinner "be my" Mass: TITLE:a title:', FIELDS)
    assert query.words == ("sinner", "be my", "Mass:")
    assert query.fields == {"artist": ("nina simone",), "title": ("a",)}


def test_a_name_that_is_not_utf_8_is_looked_for_as_it_is_stored() -> None:
    assert parsed(["caf\udce9"], FIELDS).words == ("caf\\xE9",)


@given(st.text(max_size=30))
def test_a_text_is_among_its_own_spellings(text: str) -> None:
    assert sort_key(text) in spellings(text)
