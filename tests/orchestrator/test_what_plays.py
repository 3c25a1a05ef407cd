"""What plays is imported, whatever its tags are, and what is damaged in it is told and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.support.imports import failures, statuses, table, warnings
from tests.support.odd_sounds import ODD_SOUNDS, Odd, flac_with_damaged_comment, wav_with_info
from tests.support.sound import make_sound, tag_sound
from wkmp_orm import Album, File, Library, Passage
from wkmp_orm.models import FileStatus
from wkmp_orm.orchestrator import ImportSummary, WarnedFile, import_folder
from wkmp_orm.phases import FileWarning
from wkmp_orm.phases import failures as stored_failures
from wkmp_orm.phases import warnings as stored_warnings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def told_of(library: Library) -> list[FileWarning]:
    """Return the warnings that are stored."""
    with library.reader() as session:
        return stored_warnings(session)


def cut_off(path: Path) -> None:
    """Make a FLAC file that breaks off in the middle."""
    whole = make_sound(path, seconds=8).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def silent_and_damaged(path: Path) -> None:
    """Make a WAV file with no sound in it, whose size is not written in it."""
    content = bytearray(make_sound(path, wave="silence").read_bytes())
    content[4:8] = bytes(4)
    path.write_bytes(content)


@pytest.mark.smoke
def test_what_is_damaged_in_a_file_is_told_until_it_is_mended_fails_is_a_copy_or_is_gone(
    library: Library, music: Path
) -> None:
    mended = flac_with_damaged_comment(music).path
    fails, copy = mended.with_name("fails.flac"), mended.with_name("copy.flac")
    fails.write_bytes(mended.read_bytes() + b"1")
    copy.write_bytes(mended.read_bytes() + b"2")
    cut_off(music / "cut.flac")
    silent_and_damaged(music / "silent.wav")
    wav_with_info(music)
    summary = import_folder(library, workers=2)
    told = told_of(library)
    assert [warning.path for warning in told] == [
        *("comment.flac", "copy.flac", "cut.flac", "fails.flac", "silent.wav")
    ]
    assert told[0].reason.startswith("damaged or incomplete flac file: ")
    assert " s could be decoded" in told[2].reason
    assert {warning.session_id for warning in told} == {summary.session_id}
    assert summary.warnings == tuple(WarnedFile(each.path, each.reason) for each in told)
    counts = summary.counts
    assert (counts.imported, counts.no_audio, counts.warned, counts.failed) == (5, 1, 5, 0)

    unchanged = import_folder(library)
    assert (unchanged.counts.warned, unchanged.warnings) == (0, ())
    assert told_of(library) == told

    tag_sound(make_sound(mended, seconds=2), title="Sinnerman")
    fails.write_bytes(b"no sound any more")
    copy.write_bytes((music / "info.wav").read_bytes())
    (music / "cut.flac").unlink()
    summary = import_folder(library, workers=2)
    assert (summary.counts.imported, summary.counts.failed, summary.counts.duplicates) == (1, 1, 1)
    assert (summary.counts.warned, summary.warnings) == (0, ())
    assert told_of(library) == told[-1:]
    with library.reader() as session:
        assert [failure.path for failure in stored_failures(session)] == ["fails.flac"]
    assert ("comment.flac", "Sinnerman") in table(library, File, "path", "title")


class Imported(NamedTuple):
    """A folder of odd files, and what its import came to."""

    library: Library
    made: list[Odd]
    summary: ImportSummary


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Imported]:
    """Import one folder with everything in it."""
    folder = tmp_path_factory.mktemp("music")
    made = [make(folder) for make in ODD_SOUNDS]
    for number, artist in enumerate(("Anna", "Bert")):
        for suffix in (".flac", ".mp3", ".m4a", ".wma"):
            path = make_sound(folder / f"{number}{suffix}", frequency=300 + number)
            tag_sound(path, title="T", artist=artist, album="Now 1", comp=True)
        path = make_sound(folder / f"hits {number}.flac", frequency=400 + number)
        tag_sound(path, title="T", artist=artist, album="Hits")
    for name in ("1.mp3", "2.mp3", "3.mp3"):
        (folder / name).write_bytes(b"<html>404</html>")
    for name in (".hidden.mp3", "#recycle/old.flac", "...And Justice for All/Blackened.flac"):
        (folder / name).parent.mkdir(exist_ok=True)
        make_sound(folder / name, frequency=500)
    with pytest.MonkeyPatch.context() as patch, Library.open(folder / "wkmp.db") as library:
        patch.setenv("HOME", str(folder))
        summary = import_folder(library, workers=2, flavor_sources=())
        yield Imported(library, made, summary)


def test_every_file_that_plays_is_imported_with_what_can_be_known_of_it(imported: Imported) -> None:
    library, made, summary = imported
    known = {
        path: (kind, title, status)
        for path, kind, title, status in table(library, File, "path", "format", "title", "status")
    }
    for odd in made:
        assert known[odd.path.name] == (odd.format, odd.title, FileStatus.INGEST_COMPLETE)
    assert warnings(library).keys() == {odd.path.name for odd in made if odd.warned}
    assert summary.counts.warned == len(summary.warnings) == len(warnings(library))


def test_the_decoder_knows_what_those_who_could_not_read_the_tags_do_not(
    imported: Imported,
) -> None:
    columns = ("status", "duration_ticks", "sample_rate", "channels")
    facts = [
        facts
        for status, *facts in table(imported.library, File, *columns)
        if status is FileStatus.INGEST_COMPLETE
    ]
    assert len(facts) == imported.summary.counts.imported
    assert all(map(all, facts))


def test_a_compilation_is_one_album_and_other_albums_of_one_title_are_several(
    imported: Imported,
) -> None:
    albums = table(imported.library, Album, "title", "album_mbid")
    assert [album for album in albums if album[0] != "Pastel Blues"] == [
        ("Hits", "title:anna/hits"),
        ("Hits", "title:bert/hits"),
        ("Now 1", "title:various artists/now 1"),
    ]
    assert {"Anna", "Bert"} <= {artist for (artist,) in table(imported.library, Passage, "artist")}


def test_equal_files_without_sound_fail_once_and_are_equal_to_each_other(
    imported: Imported,
) -> None:
    assert (imported.summary.counts.failed, imported.summary.counts.duplicates) == (1, 2)
    ((phase, reason),) = failures(imported.library).values()
    assert (phase, reason) == ("segmentation", "not a sound file: no sound was found in it")


def test_an_album_that_begins_with_dots_is_imported_and_what_is_left_out_is_counted(
    imported: Imported,
) -> None:
    assert "...And Justice for All/Blackened.flac" in statuses(imported.library)
    assert imported.summary.counts.left_out == 2
