"""One thing with all that is known of it, and the numbers of a library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.browse.conftest import NINA, SECOND, SINNERMAN
from wkmp_orm import browse
from wkmp_orm.errors import ConfigurationError
from wkmp_orm.models import FileStatus, SongStatus

if TYPE_CHECKING:
    from wkmp_orm import Library


def only(library: Library, what: str) -> Any:
    """Return what is known of the one thing that is called so."""
    with library.reader() as session:
        (entry,) = browse.find(session, what)
        return browse.details(session, entry)


def test_a_file_is_told_with_its_passages_in_order(shared: Library) -> None:
    side = only(shared, "side a.wav")
    assert [(each.entry.start_ticks // SECOND, each.entry.title) for each in side.passages] == [
        (0, "Side [remastered]"),
        (300, None),
    ]
    assert (side.original_path, side.duplicates, side.failures) == (None, (), ())


def test_equal_files_name_each_other(shared: Library) -> None:
    original, copy = only(shared, "Nina/Sinnerman.flac"), only(shared, "copy 1.flac")
    assert sorted(original.duplicates) == ["copy 1.flac", "copy 2.flac"]
    assert (copy.original_path, copy.duplicates) == ("Nina/Sinnerman.flac", ())
    with shared.reader() as session:
        pages = [browse.duplicates(session, limit=1)]
        pages.append(browse.duplicates(session, limit=1, after=pages[0].after))
    assert pages[1].after is None
    equal = [entry for page in pages for entry in page.entries]
    assert {each.path for each in equal} == {"copy 1.flac", "copy 2.flac"}
    assert {each.original_path for each in equal} == {"Nina/Sinnerman.flac"}


def test_what_failed_is_told_with_the_file_and_in_the_list(shared: Library) -> None:
    (failed,) = only(shared, "broken.mp3").failures
    assert (failed.phase, failed.reason) == ("segmentation", "no sound was found in it")
    with shared.reader() as session:
        assert browse.failures(session).entries == (failed,)
        with pytest.raises(ConfigurationError, match="not an entry of this list"):
            browse.failures(session, after=SINNERMAN)


@pytest.mark.parametrize("what", [SINNERMAN, SINNERMAN.upper(), "sinnerman", "SINNER", "man"])
def test_a_song_is_found_by_id_name_beginning_or_word(shared: Library, what: str) -> None:
    with shared.reader() as session:
        song = next(each for each in browse.find(session, what) if hasattr(each, "recording_mbid"))
        known: Any = browse.details(session, song)
    assert known.entry.title == "Sinnerman"
    assert known.artists == (("Nina Simone", 1.0),)
    assert known.albums == ("Pastel Blues",)
    assert known.status is SongStatus.PENDING
    assert [each.entry.path for each in known.passages] == ["Nina/Sinnerman.flac"]


def test_a_song_that_only_tags_name_is_a_passage(shared: Library) -> None:
    husband = only(shared, "be my husband")
    assert (husband.entry.path, husband.entry.artist) == ("Nina/husband.mp3", "Nina Simone")
    assert only(shared, husband.entry.guid) == husband


@pytest.mark.parametrize("what", [NINA, "nina simone"])
def test_an_artist_is_told_with_the_songs(shared: Library, what: str) -> None:
    nina = only(shared, what)
    assert [each.title for each in nina.songs] == ["Be My Husband", "Sinnerman"]


def test_an_album_is_told_with_its_passages(shared: Library) -> None:
    album = only(shared, "pastel blues")
    assert [each.title for each in album.passages] == ["Sinnerman", "Be My Husband"]


def test_of_several_things_all_are_named_and_of_nothing_none(shared: Library) -> None:
    with shared.reader() as session:
        assert len(browse.find(session, "ágætis byrjun")) == 2  # an album and a song
        assert browse.find(session, "nobody at all") == ()
        assert browse.find(session, NINA.replace("0", "f")) == ()


def test_what_is_gone_meanwhile_is_an_error(collection: Library) -> None:
    with collection.reader() as session:
        (file,) = browse.find(session, "untagged.wav")
        (song,) = browse.find(session, SINNERMAN)
    with collection.unit_of_work("user") as work:
        work.files.delete(file.guid)
        work.songs.delete(song.guid)
    for entry in (file, song):
        with collection.reader() as session, pytest.raises(ConfigurationError, match="any more"):
            browse.details(session, entry)


def test_a_song_whose_files_are_gone_has_no_path(collection: Library) -> None:
    with collection.reader() as session:
        (file,) = browse.find(session, "Nina/Sinnerman.flac")
    with collection.unit_of_work("user") as work:
        work.files.delete(file.guid)
    with collection.reader() as session:
        (song,) = browse.songs(session, "sinnerman").entries
    assert (song.path, song.passages, song.title) == (None, 0, "Sinnerman")


def test_the_numbers_count_what_only_tags_name(shared: Library) -> None:
    with shared.reader() as session:
        numbers = browse.statistics(session)
    assert numbers.files[FileStatus.INGEST_COMPLETE] == 6
    assert numbers.files[FileStatus.DUPLICATE_HASH] == 2
    assert (numbers.passages, numbers.passages_without_song) == (7, 6)
    assert numbers.passages_without_title == 2
    assert numbers.sound_ticks == (624 + 6 * 200) * SECOND
    assert sum(numbers.songs.values()) == 1
    assert (numbers.artists, numbers.artists_without_mbid) == (4, 3)
    assert (numbers.albums, numbers.albums_without_mbid) == (3, 3)
    assert numbers.failures == 1
    flac = numbers.formats["flac"]
    assert (flac.files, flac.duration_ticks, flac.size_bytes) == (1, 630 * SECOND, 70_000_000)
    assert [*numbers.formats] == ["", "flac", "mp3"]


def test_an_empty_library_amounts_to_nothing(library: Library) -> None:
    with library.reader() as session:
        numbers = browse.statistics(session)
    assert (numbers.passages, numbers.sound_ticks, numbers.formats) == (0, 0, {})
