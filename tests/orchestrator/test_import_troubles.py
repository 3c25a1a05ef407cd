"""Files and folders that cannot be imported: each is named with its reason and stops no other."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tests.support.imports import failures, sessions, statuses, table
from tests.support.sound import make_sound, tag_sound
from tests.support.unprivileged import public_folder, without_privileges
from wkmp_orm import File, Library, Passage, WriteReport
from wkmp_orm.audio import sha256_of
from wkmp_orm.audio.decoders import Decoders
from wkmp_orm.errors import ConfigurationError, DatabaseUnavailableError, PathOutsideRootError
from wkmp_orm.models import SessionState
from wkmp_orm.orchestrator import FailedFile, import_folder
from wkmp_orm.settings import LIBRARY_ROOT, SettingKey
from wkmp_orm.ticks import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Database

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux alone")


def once_scanned(library: Library, act: Callable[[], object]) -> None:
    """Do something when the rows of the scanned files are committed, before any is processed."""

    def listen(report: WriteReport) -> None:
        if report.phase == "scanning":
            act()

    library.on_commit(listen)


def test_a_database_that_is_lost_ends_the_import(sqlite_database: Database, music: Path) -> None:
    make_sound(music / "song.flac")
    with sqlite_database.open() as library:
        path = library.target.path
        assert path is not None
        aside = path.with_name("moved.db")
        once_scanned(library, lambda: path.rename(aside))
        with pytest.raises(DatabaseUnavailableError, match="was deleted, moved or replaced"):
            import_folder(library)
        assert not path.exists()
    aside.rename(path)
    with sqlite_database.open() as library:
        assert import_folder(library).counts.imported == 1


@pytest.mark.smoke
def test_bad_files_fail_with_their_reasons_and_the_good_ones_are_imported(
    library: Library, music: Path
) -> None:
    make_sound(music / "good.flac")
    (music / "text.mp3").write_text("this is a letter, not a song\n" * 50)
    (music / "empty.flac").touch()
    whole = make_sound(music / "cut.flac", frequency=500).read_bytes()
    (music / "cut.flac").write_bytes(whole[:30])
    summary = import_folder(library, workers=2)
    assert statuses(library)["good.flac"] == "INGEST COMPLETE"
    assert summary.counts.imported == 1
    assert [failure.path for failure in summary.failures] == ["cut.flac", "empty.flac", "text.mp3"]
    stored = failures(library)
    assert stored["text.mp3"] == (
        "segmentation",
        "not a sound file: no sound was found in it",
    )
    assert stored["empty.flac"] == ("hash_deduplication", "empty file")
    assert stored["cut.flac"][1].startswith("damaged or incomplete flac file")
    assert sessions(library)[0].state is SessionState.COMPLETED


def test_a_file_that_does_not_say_how_long_it_is_has_the_length_of_its_sound(
    library: Library, music: Path
) -> None:
    make_sound(music / "song.aac")
    assert import_folder(library).failures == ()
    ((form, status, duration),) = table(library, File, "format", "status", "duration_ticks")
    assert (form, status) == ("aac", "INGEST COMPLETE")
    assert duration == pytest.approx(TICKS_PER_SECOND, rel=0.05)
    ((end,),) = table(library, Passage, "end_time_ticks")
    assert end <= duration


def test_a_file_that_vanishes_during_the_import_says_so(library: Library, music: Path) -> None:
    make_sound(music / "stays.flac")
    fleeting = make_sound(music / "goes.flac", frequency=500)
    once_scanned(library, fleeting.unlink)
    summary = import_folder(library)
    assert summary.failures == (
        FailedFile("goes.flac", "hash_deduplication", "vanished during the import"),
    )
    assert statuses(library) == {"goes.flac": "PENDING", "stays.flac": "INGEST COMPLETE"}


def test_a_file_that_changes_during_the_import_says_so_and_is_imported_next_time(
    library: Library, music: Path
) -> None:
    growing = make_sound(music / "song.flac")
    once_scanned(library, lambda: make_sound(growing, seconds=2))
    (failure,) = import_folder(library).failures
    assert failure.reason == "changed during the import: import it again when it is finished"
    library._listeners.clear()
    assert import_folder(library).counts.imported == 1
    assert failures(library) == {}


@ON_LINUX
def test_a_name_that_is_not_utf_8_is_stored_in_a_reversible_spelling(
    library: Library, music: Path
) -> None:
    good = music / os.fsdecode(b"caf\xe9.flac")
    make_sound(good)
    bad = music / os.fsdecode(b"no\xff.mp3")
    bad.write_text("no sound")
    summary = import_folder(library)
    assert statuses(library)[r"caf\xE9.flac"] == "INGEST COMPLETE"
    assert [failure.path for failure in summary.failures] == [r"no\xFF.mp3"]
    assert sessions(library)[0].errors[0]["file_path"] == r"no\xFF.mp3"
    assert import_folder(library).counts.unchanged == 1


@ON_LINUX
def test_a_folder_whose_name_is_not_utf_8_can_be_the_root(
    sqlite_database: Database, music: Path
) -> None:
    root = music.parent / os.fsdecode(b"m\xfcsik")
    root.mkdir()
    make_sound(root / "song.flac")
    with Library.open(music / "wkmp.db") as library:
        summary = import_folder(library, root)
        assert summary.root == root
    with Library.open(music / "wkmp.db") as library:
        assert library.root == root
        assert import_folder(library, root).counts.unchanged == 1


def test_tags_with_control_characters_and_no_end_are_stored(library: Library, music: Path) -> None:
    song = make_sound(music / "song.flac")
    tag_sound(song, title="a\nb\x1b[31m", artist="x" * 5_000, album="\u202e\U0001f3b5")
    assert import_folder(library).failures == ()
    ((title, artist),) = table(library, Passage, "title", "artist")
    assert title == "a\nb[31m"
    assert artist == "x" * 1_000


def test_links_that_lead_in_circles_end_and_dangling_ones_are_named(
    library: Library, music: Path
) -> None:
    (music / "a").mkdir()
    make_sound(music / "a" / "song.flac")
    (music / "a" / "up").symlink_to(music)
    (music / "self").symlink_to(music / "self")
    (music / "dangling.mp3").symlink_to(music / "nothing")
    (music / "again.flac").symlink_to(music / "a" / "song.flac")
    summary = import_folder(library)
    assert summary.counts.found == summary.counts.imported == 1
    assert summary.counts.unreadable == 2
    assert [failure.path for failure in summary.failures] == ["dangling.mp3", "self"]
    assert set(failures(library)) == {"dangling.mp3", "self"}


def test_a_folder_that_may_not_be_entered_is_named_and_the_rest_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def decoded_here(_: Decoders, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        kwargs.pop("begun")()
        return function(*args, **kwargs)

    # Nobody, whom the test becomes, may not run root's Python.
    monkeypatch.setattr(Decoders, "run", decoded_here)
    with public_folder() as folder:
        music = folder / "music"
        (music / "secret").mkdir(parents=True)
        make_sound(music / "song.flac")
        make_sound(music / "secret" / "song.flac", frequency=500)
        with Library.open(folder / "wkmp.db") as library:
            (music / "secret").chmod(0)
            folder.chmod(0o777)
            for file in folder.glob("wkmp.db*"):
                file.chmod(0o666)
            try:
                with without_privileges():
                    summary = import_folder(library, music)
            finally:
                (music / "secret").chmod(0o755)
            assert summary.counts.imported == 1
            assert summary.failures == (
                FailedFile("secret", "scanning", "folder cannot be read: permission denied"),
            )


def test_a_file_that_may_not_be_read_is_named() -> None:
    with public_folder() as folder:
        music = folder / "music"
        music.mkdir()
        make_sound(music / "mine.flac").chmod(0)
        with Library.open(folder / "wkmp.db") as library:
            folder.chmod(0o777)
            for file in folder.glob("wkmp.db*"):
                file.chmod(0o666)
            with without_privileges():
                (failure,) = import_folder(library, music).failures
        assert failure.reason == "cannot be read: permission denied"


@pytest.mark.parametrize(
    ("name", "said"),
    [("missing", "does not exist"), ("song.flac", "is not a folder")],
    ids=["missing", "a file"],
)
def test_a_root_that_cannot_be_scanned_is_refused_before_anything_is_written(
    library: Library, music: Path, name: str, said: str
) -> None:
    make_sound(music / "song.flac")
    with pytest.raises(ConfigurationError, match=said):
        import_folder(library, music / name)
    assert sessions(library) == []


def test_a_folder_outside_the_root_is_refused(library: Library, music: Path) -> None:
    outside = music.parent / "outside"
    outside.mkdir()
    with pytest.raises(PathOutsideRootError, match="does not lie below the library's root"):
        import_folder(library, outside)
    assert sessions(library) == []
    assert import_folder(library).counts.found == 0


def test_the_first_imports_folder_becomes_the_root_and_is_remembered(
    sqlite_database: Database, music: Path
) -> None:
    elsewhere, other = music.parent / "elsewhere", music.parent / "other"
    for folder in (elsewhere, other):
        folder.mkdir()
        make_sound(folder / "song.flac")
    with Library.open(music / "wkmp.db") as library:
        assert import_folder(library, elsewhere).root == elsewhere
        assert set(statuses(library)) == {"song.flac"}
    with Library.open(music / "wkmp.db") as library:
        assert library.settings.get(LIBRARY_ROOT) == str(elsewhere)
        with pytest.raises(PathOutsideRootError):
            import_folder(library, other)
        assert import_folder(library).counts.unchanged == 1


def test_a_postgresql_library_without_a_root_takes_the_first_imports_folder(
    postgresql_database: Database, music: Path
) -> None:
    make_sound(music / "song.flac")
    with Library.open(postgresql_database.url) as library:
        with pytest.raises(ConfigurationError, match="no root yet"):
            import_folder(library)
        assert import_folder(library, music).root == music
    with Library.open(postgresql_database.url) as library:
        assert import_folder(library).counts.unchanged == 1


def test_a_root_that_is_missing_is_not_remembered(sqlite_database: Database, music: Path) -> None:
    with Library.open(music / "wkmp.db") as library:
        with pytest.raises(ConfigurationError):
            import_folder(library, music.parent / "mispelled")
        assert library.settings.get(LIBRARY_ROOT) is None


@pytest.mark.parametrize("workers", [0, -1])
def test_an_import_without_workers_is_refused(library: Library, workers: int) -> None:
    with pytest.raises(ConfigurationError, match="needs at least one"):
        import_folder(library, workers=workers)


def test_a_setting_that_cannot_be_read_is_named(library: Library) -> None:
    # As another service may have stored it: what is saved here is checked.
    loose: SettingKey[int] = SettingKey("ingest_max_concurrent_jobs", int, 12, doc="")
    with library.unit_of_work("other service") as work:
        work.settings.put(key=loose.name, value="many")
    with pytest.raises(ConfigurationError, match="ingest_max_concurrent_jobs"):
        import_folder(library)
    assert import_folder(library, workers=2).counts.found == 0


def test_an_unexpected_error_of_one_file_is_its_reason_and_nobody_elses(
    library: Library,
    music: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    make_sound(music / "good.flac")
    bad = make_sound(music / "bad.flac", frequency=500)

    def broken(path: Path) -> str:
        if path == bad:
            raise ValueError(f"a defect at {path}")
        return sha256_of(path)

    monkeypatch.setattr("wkmp_orm.orchestrator.reading.sha256_of", broken)
    (failure,) = import_folder(library).failures
    assert failure.reason == "unexpected ValueError: a defect at .../bad.flac"
    assert statuses(library)["good.flac"] == "INGEST COMPLETE"
    assert "bad.flac: hash_deduplication failed unexpectedly" in caplog.text


def refuse_files_called_bad(library: Library) -> None:
    """Let the database refuse rows, as a trigger or a constraint of another program does."""
    refusal = "ALTER TABLE files ADD CONSTRAINT taste CHECK (path NOT LIKE '%bad%')"
    if library.target.path is not None:
        refusal = (
            "CREATE TRIGGER taste BEFORE INSERT ON files WHEN NEW.path LIKE '%bad%'"
            " BEGIN SELECT RAISE(ABORT, 'not to my taste'); END"
        )
    with library.begin_monitored("another program") as session:
        session.execute(sa.text(refusal))


def test_a_file_that_the_database_does_not_take_fails_alone_of_its_chunk(
    library: Library, music: Path
) -> None:
    for number in range(5):
        make_sound(music / f"{number}.flac", seconds=0.2, frequency=300 + number)
    make_sound(music / "2 bad.flac", seconds=0.2)
    refuse_files_called_bad(library)
    for _ in range(2):
        summary = import_folder(library)
        assert summary.state is SessionState.COMPLETED
        assert [(each.path, each.phase) for each in summary.failures] == [
            ("2 bad.flac", "scanning")
        ]
        assert set(failures(library)) == {"2 bad.flac"}
    assert set(statuses(library).values()) == {"INGEST COMPLETE"}
    assert len(statuses(library)) == 5


@ON_LINUX
def test_a_file_as_deep_as_the_system_allows_is_imported(library: Library, music: Path) -> None:
    make_sound(music / "good.flac", frequency=500)
    names = [
        f"{number:02}-" + "".join(map(chr, range(200 + number, 290 + number)))
        for number in range(18)
    ]
    deep = music
    for name in names:
        deep = deep / name
    deep.mkdir(parents=True)
    make_sound(deep / "song.flac")
    summary = import_folder(library)
    assert summary.failures == ()
    assert max(len(path.encode()) for path in statuses(library)) > 2_704
    assert import_folder(library).counts.unchanged == 2


def test_what_failed_and_was_deleted_fails_no_more(library: Library, music: Path) -> None:
    make_sound(music / "song.flac")
    for name in ("gone.mp3", "stays.mp3"):
        (music / name).write_text(f"no sound in {name}")
    (music / "dangling.wav").symlink_to(music / "nothing.wav")
    import_folder(library)
    assert set(failures(library)) == {"dangling.wav", "gone.mp3", "stays.mp3"}
    (music / "gone.mp3").unlink()
    (music / "dangling.wav").unlink()
    import_folder(library)
    assert set(failures(library)) == {"stays.mp3"}
    assert statuses(library)["gone.mp3"] == "PENDING"
    (music / "gone.mp3").write_text("no sound in it")
    import_folder(library)
    assert set(failures(library)) == {"gone.mp3", "stays.mp3"}
