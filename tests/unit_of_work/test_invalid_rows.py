"""What is wrong with a row is said when it is given, by table and field, and nothing is kept."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.flush.recordings import LONG_AGO, SECOND, mbid
from wkmp_orm import Artist, File, Library, Passage, Song, new_guid
from wkmp_orm.errors import InvalidRowError
from wkmp_orm.models import FadeCurve, ImportProvenance, PassageSong, Setting, SongArtist

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from wkmp_orm import UnitOfWork

    Give = Callable[[UnitOfWork], object]

FILE: Final = new_guid()
SONG: Final = mbid(2, 1)


@pytest.fixture(scope="module")
def library(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Open one library for all: nothing of what these tests give reaches it."""
    path = tmp_path_factory.mktemp("invalid") / "wkmp.db"
    shutil.copyfile(sqlite_template, path)
    with Library.open(path) as opened:
        yield opened


def passage(work: UnitOfWork, **columns: Any) -> object:
    span: dict[str, Any] = {
        "file_id": FILE,
        "start_time_ticks": SECOND,
        "end_time_ticks": 2 * SECOND,
    }
    return work.passages.add(**(span | columns))


def song(work: UnitOfWork, **columns: Any) -> object:
    return work.songs.put(recording_mbid=SONG, **columns)


def file(work: UnitOfWork, **columns: Any) -> object:
    known: dict[str, Any] = {"path": "a.flac", "modification_time": LONG_AGO}
    return work.files.add(**(known | columns))


def weights(work: UnitOfWork, *shares: float) -> None:
    one = work.songs.put(recording_mbid=SONG)
    for number, share in enumerate(shares):
        artist = work.artists.put(artist_mbid=mbid(3, number), name="Nina")
        work.song_artists.link(one, artist, weight=share)


def nested(levels: int) -> dict[str, Any]:
    outer: dict[str, Any] = {}
    inner = outer
    for _ in range(levels - 1):
        inner["a"] = {}
        inner = inner["a"]
    return outer


def in_a_circle() -> list[Any]:
    circle: list[Any] = []
    circle.extend([circle] * 10)
    return circle


def with_a_relationship() -> Passage:
    row = Passage(end_time_ticks=1)
    row.file = File(path="a")
    return row


def pending_in_a_session(work: UnitOfWork) -> object:
    row = Song(recording_mbid=SONG, guid=new_guid())
    with Session() as session:
        session.add(row)
        return work.songs.add(row)


class Text(str):
    __slots__ = ()


INVALID: Final[dict[str, tuple[Give, str, str]]] = {
    "placeholder too long for an index": (
        lambda w: w.artists.put(artist_mbid="name:" + 500 * "x", name="x"),
        "artists.artist_mbid",
        "505 characters; rows are found by this column, so give at most 500",
    ),
    "setting's key too long for an index": (
        lambda w: w.settings.put(key=501 * "k", value="x"),
        "settings.key",
        "give at most 500",
    ),
    "identity key too long for an index": (
        lambda w: w.albums.add(album_mbid="title:/x", title="x", identity_key=501 * "k"),
        "albums.identity_key",
        "give at most 500",
    ),
    "unknown column": (lambda w: song(w, titel="x"), "songs.titel", "title, updated_at"),
    "unknown column without a value": (lambda w: song(w, titel=None), "songs.titel", "there are"),
    "naive datetime": (
        lambda w: file(w, modification_time=datetime(2001, 1, 1)),  # noqa: DTZ001
        "files.modification_time",
        "give an aware one",
    ),
    "text for a datetime": (
        lambda w: file(w, modification_time="2001-01-01"),
        "files.modification_time",
        "is not a datetime",
    ),
    "end before start": (
        lambda w: passage(w, end_time_ticks=SECOND - 1),
        "passages.end_time_ticks",
        "is not after the start",
    ),
    "end at start": (
        lambda w: passage(w, end_time_ticks=SECOND),
        "passages.end_time_ticks",
        "is not after the start",
    ),
    "end at the default start": (
        lambda w: w.passages.add(file_id=FILE, end_time_ticks=0),
        "passages.end_time_ticks",
        "is not after the start",
    ),
    "negative start": (
        lambda w: passage(w, start_time_ticks=-1),
        "passages.start_time_ticks",
        "is negative",
    ),
    "fade-in before its passage": (
        lambda w: passage(w, fade_in_start_ticks=SECOND - 1),
        "passages.fade_in_start_ticks",
        "lies outside the passage",
    ),
    "lead-out after its passage": (
        lambda w: passage(w, lead_out_start_ticks=2 * SECOND + 1),
        "passages.lead_out_start_ticks",
        "lies outside the passage",
    ),
    "fade-in after fade-out": (
        lambda w: passage(w, fade_in_start_ticks=SECOND + 2, fade_out_start_ticks=SECOND + 1),
        "passages.fade_in_start_ticks",
        "comes after fade_out_start_ticks",
    ),
    "lead-in after lead-out": (
        lambda w: passage(w, lead_in_start_ticks=SECOND + 2, lead_out_start_ticks=SECOND + 1),
        "passages.lead_in_start_ticks",
        "comes after lead_out_start_ticks",
    ),
    "unknown curve": (
        lambda w: passage(w, fade_in_curve="wavy"),
        "passages.fade_in_curve",
        "'exponential', 'cosine', 'linear', 'logarithmic', 'equal_power'",
    ),
    "NumPy integer for an integer": (
        lambda w: passage(w, end_time_ticks=np.int64(3 * SECOND)),
        "passages.end_time_ticks",
        "is a int64, not an int; give int(...)",
    ),
    "float for an integer": (
        lambda w: passage(w, end_time_ticks=3.0 * SECOND),
        "passages.end_time_ticks",
        "is a float, not an int",
    ),
    "bool for an integer": (
        lambda w: file(w, track_number=True),
        "files.track_number",
        "is a bool, not an int",
    ),
    "more than 64 bits": (
        lambda w: passage(w, end_time_ticks=2**63),
        "passages.end_time_ticks",
        "does not fit into 64 bits",
    ),
    "more than 32 bits": (
        lambda w: file(w, year=2**31),
        "files.year",
        "does not fit into 32 bits",
    ),
    "NaN": (
        lambda w: passage(w, title_confidence=float("nan")),
        "passages.title_confidence",
        "is not a finite number",
    ),
    "infinity": (
        lambda w: passage(w, title_confidence=float("inf")),
        "passages.title_confidence",
        "is not a finite number",
    ),
    "bool for a float": (
        lambda w: passage(w, title_confidence=True),
        "passages.title_confidence",
        "is a bool, not a float",
    ),
    "NumPy's single precision": (
        lambda w: passage(w, title_confidence=np.float32(0.5)),
        "passages.title_confidence",
        "is a float32, not a float; give float(...)",
    ),
    "text for a float": (
        lambda w: passage(w, title_confidence="0.5"),
        "passages.title_confidence",
        "is a str, not a float",
    ),
    "NUL character": (lambda w: song(w, title="Sinner\0man"), "songs.title", "remove it"),
    "NUL character beside an umlaut": (lambda w: song(w, title="\0Ö"), "songs.title", "NUL"),
    "lone surrogate": (lambda w: song(w, title="\udcff"), "songs.title", "surrogates"),
    "bytes for text": (lambda w: song(w, title=b"Sinnerman"), "songs.title", "give a str"),
    "surrogate deep in JSON": (
        lambda w: song(w, flavor_vector={"deep": [{"\udcff": 1}]}),
        "songs.flavor_vector",
        "surrogates",
    ),
    "NaN in JSON": (
        lambda w: song(w, flavor_vector={"bpm": float("nan")}),
        "songs.flavor_vector",
        "is not a finite number",
    ),
    "NumPy array in JSON": (
        lambda w: song(w, flavor_vector={"mfcc": np.zeros(2)}),
        "songs.flavor_vector",
        "is a ndarray, which JSON does not have",
    ),
    "number as a key in JSON": (
        lambda w: song(w, flavor_vector={1: "one"}),
        "songs.flavor_vector",
        "has a key that is not text",
    ),
    "no guid": (lambda w: passage(w, file_id="nina"), "passages.file_id", "is not a guid"),
    "number for a guid": (lambda w: passage(w, file_id=7), "passages.file_id", "is not a guid"),
    "no MusicBrainz id": (
        lambda w: w.songs.put(recording_mbid="name:Nina"),
        "songs.recording_mbid",
        "give a UUID",
    ),
    "neither id nor placeholder": (
        lambda w: w.artists.put(artist_mbid="Nina", name="Nina"),
        "artists.artist_mbid",
        "or name:... while it is not known",
    ),
    "relationship": (
        lambda w: w.passages.add(with_a_relationship()),
        "passages.file",
        "give the foreign key",
    ),
    "instance pending in a Session": (
        pending_in_a_session,
        "songs",
        "came from a Session",
    ),
    "instance of another model": (
        lambda w: w.table(Song).put(Artist(name="Nina")),
        "songs",
        "a Song",
    ),
    "neither mapping nor instance": (
        lambda w: w.table(Song).put(["Sinnerman"]),  # type: ignore[arg-type]
        "songs",
        "is neither a mapping nor a Song",
    ),
    "missing column": (
        lambda w: w.table(Artist).add(artist_mbid=mbid(3, 1)),
        "artists.name",
        "is missing, and has no default",
    ),
    "missing column of a link": (
        lambda w: w.links(SongArtist).link(new_guid(), new_guid()),
        "song_artists.weight",
        "is missing",
    ),
    "missing natural key": (
        lambda w: w.table(Song).put(title="Sinnerman"),
        "songs.recording_mbid",
        "part of what identifies the row",
    ),
    "missing part of a natural key": (
        lambda w: w.table(Passage).put(file_id=FILE),
        "passages.end_time_ticks",
        "part of what identifies the row",
    ),
    "put without a natural key": (
        lambda w: w.table(ImportProvenance).put(passage_id=FILE, source_type="flavor_extractor"),
        "import_provenance",
        "use add",
    ),
    "negative cooldown": (lambda w: song(w, min_cooldown=-1), "songs.min_cooldown", "negative"),
    "span of a song that ends at once": (
        lambda w: w.passage_songs.link(
            new_guid(), new_guid(), start_time_ticks=5, end_time_ticks=5
        ),
        "passage_songs.end_time_ticks",
        "is not after the start",
    ),
    "weight of nothing": (lambda w: weights(w, 0.0), "song_artists.weight", "above 0"),
    "weight above one": (lambda w: weights(w, 1.5), "song_artists.weight", "above 0 and up to 1"),
    "update of the key": (
        lambda w: w.table(Song).update(FILE, guid=new_guid()),
        "songs.guid",
        "never changes",
    ),
    "update to NULL of what cannot be NULL": (
        lambda w: w.table(Artist).update(FILE, name=None),
        "artists.name",
        "leave it out to keep it",
    ),
    "update of nothing": (lambda w: w.songs.update(FILE), "songs", "sets nothing"),
    "update of nobody": (
        lambda w: w.table(Song).update_many([{"title": "Sinnerman"}]),
        "songs.guid",
        "which row to update",
    ),
    "update of no guid": (lambda w: w.songs.update("nina", title="x"), "songs.guid", "not a guid"),
    "condition on an unknown column": (
        lambda w: w.table(Song).update(FILE, where={"state": "x"}, title="x"),
        "songs.state",
        "is no column",
    ),
    "JSON nested too deep": (
        lambda w: passage(w, import_metadata=nested(3_000)),
        "passages.import_metadata",
        "nested deeper than 200 levels, or refers to itself",
    ),
    "JSON one level too deep": (
        lambda w: passage(w, import_metadata=nested(201)),
        "passages.import_metadata",
        "nested deeper than 200 levels",
    ),
    "JSON that refers to itself": (
        lambda w: passage(w, import_metadata={"v": in_a_circle()}),
        "passages.import_metadata",
        "or refers to itself",
    ),
    "JSON with an integer that cannot be spelled": (
        lambda w: passage(w, import_metadata={"a": [10**5_000]}),
        "passages.import_metadata",
        "a int is beyond what JSON's readers hold as a number; give text",
    ),
    "JSON with an integer that is infinite as a float": (
        lambda w: passage(w, import_metadata=-2 * 10**308),
        "passages.import_metadata",
        "is beyond what JSON's readers hold",
    ),
    "an order with JSON that is too deep": (
        lambda w: w.passages.update(FILE, import_metadata=nested(3_000)),
        "passages.import_metadata",
        "nested deeper than 200 levels",
    ),
    "an integer for a float that cannot hold it": (
        lambda w: song(w, base_probability=10**5_000),
        "songs.base_probability",
        "does not fit into a float",
    ),
    "an integer that cannot be spelled": (
        lambda w: file(w, year=10**5_000),
        "files.year",
        "a int does not fit into 32 bits",
    ),
    "text that is nested too deep to be shown": (
        lambda w: song(w, title=nested(3_000)),
        "songs.title",
        "a dict is not text",
    ),
    "a row that is nested too deep to be shown": (
        lambda w: w.table(Song).put([nested(3_000)]),  # type: ignore[arg-type]
        "songs",
        "a list is neither a mapping",
    ),
    "a long value, of which the message has the beginning": (
        lambda w: song(w, title="x" * 10_000 + "\0"),
        "songs.title",
        "xxx... has a NUL character",
    ),
    "condition on an impossible value": (
        lambda w: w.table(Song).update(FILE, where={"status": ["PENDING", "ODD"]}, title="x"),
        "songs.status",
        "'ODD' is not one of",
    ),
    "delete of no guid": (lambda w: w.songs.delete("nina"), "songs.guid", "is not a guid"),
}


@pytest.mark.parametrize(("give", "place", "reason"), INVALID.values(), ids=INVALID.keys())
def test_an_invalid_row_is_refused_by_place_and_reason_and_not_kept(
    library: Library, give: Give, place: str, reason: str
) -> None:
    work = library.unit_of_work("recording")

    with pytest.raises(InvalidRowError) as refused:
        give(work)

    assert str(refused.value).startswith(f"{place}: ")
    assert reason in str(refused.value)
    assert ".".join(filter(None, (refused.value.table, refused.value.field))) == place
    assert not work.changes_of(refused.value.table)


@pytest.mark.parametrize("state", ["persistent", "detached"])
def test_an_instance_that_a_session_knows_is_refused(library: Library, state: str) -> None:
    work = library.unit_of_work("recording")
    with library.begin_monitored("a Session of the caller's") as session:
        row = Song(recording_mbid=mbid(2, 7))
        session.add(row)
        session.flush()
        if state == "persistent":
            with pytest.raises(InvalidRowError, match="came from a Session"):
                work.songs.put(row)
        session.delete(row)
        session.flush()
    if state == "detached":
        with library.reader() as reader:
            stored = reader.query(Setting).first()
        assert stored is not None
        with pytest.raises(InvalidRowError, match="came from a Session"):
            work.settings.put(stored)


def test_a_handle_of_another_table_is_refused(library: Library) -> None:
    work = library.unit_of_work("recording")
    artist = work.artists.put(artist_mbid=mbid(3, 1), name="Nina")
    link = work.song_artists.link(new_guid(), artist, weight=1.0)

    gives: list[tuple[Callable[[], object], str]] = [
        (lambda: passage(work, song_id=artist), "passages.song_id: refers to songs"),
        (lambda: passage(work, title=artist), "passages.title: takes a value, not a handle"),
        (lambda: passage(work, song_id=link), "passages.song_id: takes a value, not a handle"),
        (
            lambda: work.links(PassageSong).link(artist, artist),
            "passage_songs.passage_id: refers to",
        ),
        (lambda: work.table(Song).update(artist, title="x"), "songs.guid: <Handle artists"),
        (lambda: work.table(Song).delete(artist), "songs.guid: <Handle artists"),
    ]
    for give, place in gives:
        with pytest.raises(InvalidRowError) as refused:
            give()
        assert str(refused.value).startswith(place)
    assert not work.changes_of("passages")
    assert not work.changes_of("songs")


def test_a_handle_of_an_uncommitted_unit_of_work_is_refused(library: Library) -> None:
    other = library.unit_of_work("recording")
    theirs = other.songs.put(recording_mbid=SONG)
    work = library.unit_of_work("recording")

    gives: list[Callable[[], object]] = [
        lambda: passage(work, song_id=theirs),
        lambda: work.songs.update(theirs, title="Sinnerman"),
        lambda: work.passages.update(FILE, where={"song_id": theirs}, title="Sinnerman"),
    ]
    for give in gives:
        with pytest.raises(InvalidRowError, match="another unit of work; commit that one first"):
            give()
    assert not work.changes_of("passages")
    assert not work.changes_of("songs")


def test_weights_of_one_song_that_sum_beyond_1_are_refused(library: Library) -> None:
    work = library.unit_of_work("recording")

    with pytest.raises(InvalidRowError, match=r"song_artists\.weight: 0\.6 brings .* to 1\.200"):
        weights(work, 0.6, 0.6)

    assert len(work.changes_of("song_artists").links) == 1


def test_weights_of_a_third_each_sum_to_1(library: Library) -> None:
    work = library.unit_of_work("recording")

    weights(work, 1 / 3, 1 / 3, 1 / 3)

    assert len(work.changes_of("song_artists").links) == 3


def test_a_corrected_or_discarded_weight_makes_room_for_others(library: Library) -> None:
    work = library.unit_of_work("recording")
    song = work.songs.put(recording_mbid=SONG)
    nina, weldon = (
        work.artists.put(artist_mbid=mbid(3, number), name=f"artist {number}") for number in (1, 2)
    )

    link = work.song_artists.link(song, nina, weight=1.0)
    with pytest.raises(InvalidRowError, match="sum to 1"):
        work.song_artists.link(song, weldon, weight=0.5)
    link.set(weight=0.5)
    other = work.song_artists.link(song, weldon, weight=0.5)
    with pytest.raises(InvalidRowError, match="sum to 1"):
        other.set(weight=0.6)
    link.discard()
    other.set(weight=1.0)

    assert other.values["weight"] == 1.0


def test_what_two_puts_of_a_row_give_together_is_checked_as_well(library: Library) -> None:
    work = library.unit_of_work("amplitude")
    span: dict[str, Any] = {"file_id": FILE, "start_time_ticks": 0, "end_time_ticks": SECOND}
    first = work.passages.put(**span, lead_in_start_ticks=500)

    with pytest.raises(InvalidRowError, match=r"passages\.lead_in_start_ticks: 500 comes after"):
        work.passages.put(**span, lead_out_start_ticks=300)

    assert "lead_out_start_ticks" not in first.values


def test_what_a_correction_makes_of_a_row_is_checked_as_well(library: Library) -> None:
    work = library.unit_of_work("recording")
    span: dict[str, Any] = {"file_id": FILE, "start_time_ticks": 0, "end_time_ticks": SECOND}
    row = work.passages.add(**span)
    setting = work.settings.put(key="volume_level", value="0.5")
    song, other = (work.songs.put(recording_mbid=mbid(2, number)) for number in (1, 2))

    corrections: list[tuple[Callable[[], object], str]] = [
        (lambda: row.set(fade_in_start_ticks=SECOND + 1), "passages.fade_in_start_ticks: "),
        (lambda: row.set(end_time_ticks=None), "passages.end_time_ticks: is missing"),
        (lambda: row.set(title=3), "passages.title: "),
        (lambda: row.set(guid=new_guid()), "passages.guid: is the key"),
        (lambda: setting.set(key="volume"), "settings.key: is the key"),
        (lambda: song.set(recording_mbid=mbid(2, 2)), "songs.recording_mbid: this unit of work"),
        (lambda: song.set(recording_mbid=None), "songs.recording_mbid: is missing"),
    ]
    for correct, place in corrections:
        with pytest.raises(InvalidRowError) as refused:
            correct()
        assert str(refused.value).startswith(place)

    assert row.values == span
    assert list(work.changes_of("songs").puts.values()) == [song, other]


def test_a_row_that_was_deleted_cannot_be_updated(library: Library) -> None:
    work = library.unit_of_work("recording")
    work.passages.delete(FILE)

    with pytest.raises(InvalidRowError, match="nothing is left to update"):
        work.passages.update(FILE, title="Sinnerman")

    assert not work.changes_of("passages").updates


def test_a_row_that_the_unit_itself_makes_is_discarded_and_not_deleted(library: Library) -> None:
    work = library.unit_of_work("recording")
    song = work.songs.put(recording_mbid=FILE)

    with pytest.raises(InvalidRowError, match="discard the handle instead"):
        work.songs.delete(song)

    assert not work.changes_of("songs").deletes


def test_nothing_refers_to_a_row_that_was_discarded(library: Library) -> None:
    work = library.unit_of_work("recording")
    song, other = work.songs.put(recording_mbid=FILE), work.works.put(work_mbid=FILE, title="x")
    song.discard()

    with pytest.raises(InvalidRowError, match="was discarded"):
        work.song_works.link(song, other)
    with pytest.raises(InvalidRowError, match="was discarded"):
        work.passages.update(FILE, title="x", where={"song_id": song})
    with pytest.raises(InvalidRowError, match="was discarded"):
        work.songs.update(song, title="x")
    with pytest.raises(InvalidRowError, match="was discarded"):
        work.execute(sa.delete(Song).where(Song.guid == sa.bindparam("song")), [{"song": song}])
    with pytest.raises(InvalidRowError, match="discarded before"):
        song.set(title="x")


def test_equal_spellings_are_taken_and_made_one(library: Library) -> None:
    """What is not wrong is not refused: each value is kept as it will be read back."""
    work = library.unit_of_work("recording")
    guid = UUID(FILE)

    row = work.passages.add(
        Passage(file_id=str(guid).upper(), end_time_ticks=SECOND, fade_in_curve="cosine"),
        title=Text("Sinnerman"),
        title_confidence=np.float64(0.5),
        artist_confidence=1,
        song_id=guid,
        import_timestamp=datetime.fromisoformat("2025-11-16T02:02:03.5+01:00"),
        import_metadata={"tags": ("a", 1, 0.5, None, True)},
    )

    assert row.values == {
        "file_id": FILE,
        "end_time_ticks": SECOND,
        "fade_in_curve": FadeCurve.COSINE,
        "title": "Sinnerman",
        "title_confidence": 0.5,
        "artist_confidence": 1.0,
        "song_id": FILE,
        "import_timestamp": datetime(2025, 11, 16, 1, 2, 3, 500_000, tzinfo=UTC),
        "import_metadata": {"tags": ["a", 1, 0.5, None, True]},
    }
    assert {type(row.values[name]) for name in ("title", "title_confidence")} == {str, float}
