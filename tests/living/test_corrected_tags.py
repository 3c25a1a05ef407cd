"""What files share follows corrected tags, where nobody but the corrected file said otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tests.phases.importing import (
    LONG_AGO,
    add_file,
    mbid,
    race,
    record,
    set_columns,
    stored,
)
from tests.phases.recordings import passage, recording
from wkmp_orm import Album, Artist, Passage, Phase, Song, Work
from wkmp_orm.models import FileStatus, SongArtist
from wkmp_orm.phases import (
    IdentifiedSong,
    RecordedPassage,
    album_identity,
    artist_identity,
)
from wkmp_orm.phases import Work as Composition

if TYPE_CHECKING:
    from wkmp_orm import Library

WRONG: dict[str, Any] = {
    "title": "Wrnog",
    "artist": "Beatels",
    "album": "Abey Road",
    "date": "1996",
}
RIGHT: dict[str, Any] = {
    "title": "Right",
    "artist": "Beatles",
    "album": "Abbey Road",
    "date": "1969",
}


def tagged(
    title: str,
    artist: str,
    album: str,
    date: str,
    *,
    others: tuple[str, ...] = (),
    ids: bool = True,
    song: int = 1,
    by_tags: bool = True,
) -> RecordedPassage:
    """Make the passage of a file with these tags; `others` are credited beside the artist."""
    artists = [artist_identity(artist, mbid(2) if ids else None)]
    artists += [artist_identity(name, mbid(len(name)) if ids else None) for name in others]
    return passage(
        title=title,
        artist=", ".join([artist, *others]),
        album=album,
        song=IdentifiedSong(
            mbid(song),
            title,
            ", ".join([artist, *others]),
            artists=tuple(artists),
            from_tags=by_tags,
        ),
        albums=(album_identity(album, artist, mbid(3) if ids else None, date),),
        columns={"mbid_source": "tags" if by_tags else "fingerprint"},
    )


def retag(library: Library, file: str, *passages: RecordedPassage) -> int:
    """Record a file as an import does that found other tags, and return what was corrected."""
    set_columns(library, "files", file, status=FileStatus.PENDING)
    return record(library, file, *passages).corrected


def shared(library: Library) -> dict[str, Any]:
    """Read what the first song, artist and album are called."""
    [(title, artist)] = stored(library, Song.title, Song.artist_name)
    [(album, date)] = stored(library, Album.title, Album.release_date)
    return {"title": title, "artist": artist, "album": album, "date": date}


@pytest.mark.smoke
def test_the_only_file_that_says_so_corrects_all_of_it(library: Library) -> None:
    file = add_file(library)
    record(library, file, tagged(**WRONG))
    assert retag(library, file, tagged(**RIGHT)) == 5
    assert shared(library) == RIGHT
    assert stored(library, Artist.name, Artist.identity_key) == [("Beatles", "name:beatles")]
    assert stored(library, Album.identity_key) == [("title:beatles/abbey road",)]
    assert retag(library, file, tagged(**RIGHT)) == 0


def test_what_another_file_says_too_stays_until_that_one_is_corrected(library: Library) -> None:
    one, other = add_file(library, "1.flac"), add_file(library, "2.flac")
    for file in (one, other):
        record(library, file, tagged(**WRONG))
    assert retag(library, one, tagged(**RIGHT)) == 0
    assert shared(library) == WRONG
    assert retag(library, other, tagged(**RIGHT)) == 5
    assert shared(library) == RIGHT


def test_of_two_files_that_are_corrected_at_once_the_later_one_sees_the_other(
    library: Library,
) -> None:
    files = [add_file(library, f"{n}.flac") for n in range(4)]
    for file in files:
        record(library, file, tagged(**WRONG))
        set_columns(library, "files", file, status=FileStatus.PENDING)
    race(library, Phase.RECORDING, *(recording(file, tagged(**RIGHT)) for file in files))
    assert shared(library) == RIGHT


def test_files_that_say_something_else_do_not_keep_what_nobody_says(library: Library) -> None:
    one, other = add_file(library, "1.flac"), add_file(library, "2.flac")
    record(library, one, tagged(**WRONG))
    record(library, other, tagged(**RIGHT | {"title": "A third one"}))
    assert retag(library, one, tagged(**RIGHT)) == 5
    assert shared(library) == RIGHT


def test_a_file_that_is_missing_has_no_say(library: Library) -> None:
    one, gone = add_file(library, "1.flac"), add_file(library, "2.flac")
    for file in (one, gone):
        record(library, file, tagged(**WRONG))
    set_columns(library, "files", gone, missing_since=LONG_AGO)
    assert retag(library, one, tagged(**RIGHT)) == 5


def test_what_a_user_wrote_stays(library: Library) -> None:
    file = add_file(library)
    record(library, file, tagged(**WRONG))
    with library.begin_monitored("a user") as session:
        session.execute(sa.update(Song).values(title="Mine", artist_name="Mine"))
        session.execute(sa.update(Artist).values(name="Mine"))
        session.execute(sa.update(Album).values(title="Mine", release_date="2000"))
    assert retag(library, file, tagged(**RIGHT)) == 0
    assert shared(library) == dict.fromkeys(("title", "artist", "album"), "Mine") | {"date": "2000"}


@pytest.mark.parametrize("service_first", [True, False])
def test_what_a_web_service_said_stays(library: Library, *, service_first: bool) -> None:
    one, other = add_file(library, "1.flac"), add_file(library, "2.flac")
    if service_first:
        record(library, one, tagged(**WRONG, by_tags=False))
    else:
        record(library, one, tagged(**WRONG))
        record(library, other, tagged(**WRONG, by_tags=False))
    retag(library, one, tagged(**RIGHT))
    assert (shared(library)["title"], shared(library)["artist"]) == ("Wrnog", "Beatels")


def credits_of(library: Library) -> list[tuple[Any, ...]]:
    query = sa.select(Artist.name, SongArtist.weight).join_from(SongArtist, Artist)
    with library.reader() as session:
        return [tuple(row) for row in session.execute(query.order_by(Artist.name))]


@pytest.mark.parametrize("ids", [True, False])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param((), ("Billy",), id="one more"),
        pytest.param(("Billy", "George"), (), id="fewer"),
        pytest.param(("Billy",), ("George", "Paul"), id="others"),
    ],
)
def test_a_credit_is_corrected_as_a_whole_with_its_shares(
    library: Library, before: tuple[str, ...], after: tuple[str, ...], *, ids: bool
) -> None:
    file = add_file(library)
    record(library, file, tagged(**RIGHT, others=before, ids=ids))
    retag(library, file, tagged(**RIGHT, others=after, ids=ids))
    names = sorted(["Beatles", *after])
    assert credits_of(library) == [(name, pytest.approx(1 / len(names))) for name in names]


def test_a_credit_that_another_file_has_too_stays(library: Library) -> None:
    one, other = add_file(library, "1.flac"), add_file(library, "2.flac")
    for file in (one, other):
        record(library, file, tagged(**RIGHT))
    retag(library, one, tagged(**RIGHT, others=("Billy",)))
    assert credits_of(library) == [("Beatles", 1.0)]
    retag(library, other, tagged(**RIGHT, others=("Billy",)))
    assert credits_of(library) == [("Beatles", 0.5), ("Billy", 0.5)]


def test_an_album_without_an_id_is_corrected_in_its_case_and_date(library: Library) -> None:
    file = add_file(library)
    record(library, file, tagged(**RIGHT | {"album": "abbey road", "date": "1970"}, ids=False))
    retag(library, file, tagged(**RIGHT, ids=False))
    assert (shared(library)["album"], shared(library)["date"]) == ("Abbey Road", "1969")


def test_another_recording_corrects_nothing_of_the_former_one(library: Library) -> None:
    file = add_file(library)
    record(library, file, tagged(**WRONG))
    retag(library, file, tagged(**RIGHT, song=5))
    assert stored(library, Song.recording_mbid, Song.title) == [
        (mbid(1), "Wrnog"),
        (mbid(5), "Right"),
    ]


def with_work(passage: RecordedPassage, title: str) -> RecordedPassage:
    """Let a passage's song record a work of this title."""
    assert passage.song is not None
    return replace(passage, song=replace(passage.song, works=(Composition(mbid(7), title),)))


def test_another_recording_corrects_the_artist_and_the_work_that_it_shares_with_the_former_one(
    library: Library,
) -> None:
    file = add_file(library)
    record(library, file, with_work(tagged(**WRONG), "Wrnog"))
    assert retag(library, file, with_work(tagged(**RIGHT, song=5), "Right")) == 3
    assert stored(library, Artist.name, Artist.identity_key) == [("Beatles", "name:beatles")]
    assert stored(library, Work.title) == [("Right",)]


def test_passages_that_kept_nothing_of_what_they_said_are_told_by_their_columns(
    library: Library,
) -> None:
    file = add_file(library)
    record(library, file, tagged(**WRONG))
    for kept in ("NULL", "'[]'", "'{\"said\": 3}'", '\'{"said": {"title": "x"}}\''):
        with library.begin_monitored("an older version") as session:
            session.execute(sa.text(f"UPDATE passages SET import_metadata = {kept}"))
        now = f"Title {kept}"
        retag(library, file, tagged(**WRONG | {"title": now}))
        assert shared(library)["title"] == now


def test_a_silent_passage_of_another_file_speaks_by_its_columns(library: Library) -> None:
    one, other = add_file(library, "1.flac"), add_file(library, "2.flac")
    record(library, one, tagged(**WRONG))
    record(library, other, tagged(**WRONG))
    with library.begin_monitored("an older version") as session:
        session.execute(
            sa.update(Passage).where(Passage.file_id == other).values(import_metadata=None)
        )
    assert retag(library, one, tagged(**RIGHT)) == 0
