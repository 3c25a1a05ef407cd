"""Pruning deletes what has been missing for long, and nothing that somebody may still want."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.flush.stored import dump
from tests.living.test_moved_files import edit, make_songs
from tests.support.imports import table
from tests.support.sound import make_sound, musicbrainz_tags, tag_sound
from wkmp_orm import Album, Artist, File, Library, Passage, Song, Work, browse
from wkmp_orm.core.types import utc_now
from wkmp_orm.errors import ConfigurationError, ImportRunningError
from wkmp_orm.import_lock import import_lock
from wkmp_orm.orchestrator import import_folder
from wkmp_orm.orchestrator.pruning import Pruned, prune

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = timedelta()


def pruned(library: Library, **options: object) -> Pruned:
    """Prune what is missing now, of a server without a backup."""
    on_server = library.target.path is None
    return prune(library, **{"missing_for": NOW, "without_backup": on_server, **options})  # type: ignore[arg-type]


def counted(library: Library) -> dict[str, int]:
    """Return how many orphans `wkmp-orm stats` tells of."""
    with library.reader() as session:
        return asdict(browse.statistics(session).orphans)


def paths(library: Library) -> set[str]:
    return {path for (path,) in table(library, File, "path")}


@pytest.fixture
def half_gone(library: Library, music: Path) -> Library:
    """Give a library of two songs, of which one is missing."""
    make_songs(music, "gone.flac", "there.flac")
    import_folder(library)
    (music / "gone.flac").unlink()
    import_folder(library)
    return library


def test_rows_of_files_that_are_gone_go_with_their_passages(half_gone: Library) -> None:
    outcome = pruned(half_gone)
    assert [file.path for file in outcome.files] == ["gone.flac"]
    assert outcome.deleted.files == 1
    assert paths(half_gone) == {"there.flac"}
    assert len(table(half_gone, Passage, "guid")) == 1
    assert pruned(half_gone).files == ()


def test_of_a_file_a_backup_is_made_first(half_gone: Library) -> None:
    if half_gone.target.path is None:
        with pytest.raises(ConfigurationError, match="make a backup with Library"):
            pruned(half_gone, without_backup=False)
        assert paths(half_gone) == {"gone.flac", "there.flac"}
        return
    older = set(half_gone.target.path.parent.glob("wkmp.db-before-prune*.bak"))
    backup = pruned(half_gone).backup
    assert backup is not None
    assert {*half_gone.target.path.parent.glob("wkmp.db-before-prune*.bak")} == {*older, backup}
    assert backup not in older
    with Library.open(backup, read_only=True) as before:
        assert paths(before) == {"gone.flac", "there.flac"}


def test_a_dry_run_says_the_same_and_changes_nothing(half_gone: Library) -> None:
    before = dump(half_gone)
    said = pruned(half_gone, dry_run=True, orphans=True)
    assert said.backup is None
    assert dump(half_gone) == before
    done = pruned(half_gone, orphans=True)
    assert (said.files, said.deleted) == (done.files, done.deleted)


def test_what_has_not_been_missing_for_so_long_stays(half_gone: Library) -> None:
    assert pruned(half_gone, missing_for=timedelta(days=30)).files == ()
    (guid,) = [guid for guid, since in table(half_gone, File, "guid", "missing_since") if since]
    with half_gone.unit_of_work("the passing of time") as work:
        work.files.update(guid, missing_since=utc_now() - timedelta(days=31))
    assert len(pruned(half_gone, missing_for=timedelta(days=30)).files) == 1


def test_files_of_which_a_user_edited_a_passage_stay_until_they_are_meant(
    half_gone: Library,
) -> None:
    edit(half_gone)
    outcome = pruned(half_gone)
    assert (outcome.deleted.files, [each.path for each in outcome.edited]) == (0, ["gone.flac"])
    assert paths(half_gone) == {"gone.flac", "there.flac"}
    assert pruned(half_gone, with_edits=True).deleted.files == 1


def test_a_file_that_is_back_stays_though_no_import_has_seen_it(
    half_gone: Library, music: Path
) -> None:
    make_sound(music / "gone.flac", frequency=999)
    outcome = pruned(half_gone)
    assert (outcome.files, [each.path for each in outcome.there]) == ((), ["gone.flac"])


def test_when_everything_is_missing_nothing_is_pruned(half_gone: Library, music: Path) -> None:
    (music / "there.flac").unlink()
    import_folder(half_gone, accept_missing=True)
    with pytest.raises(ConfigurationError, match=r"all files of .* are missing"):
        pruned(half_gone)
    assert len(paths(half_gone)) == 2


def test_when_the_root_is_away_nothing_is_pruned(half_gone: Library, music: Path) -> None:
    music.rename(music.with_name("away"))
    try:
        with pytest.raises(ConfigurationError, match="cannot be reached"):
            pruned(half_gone)
    finally:
        music.with_name("away").rename(music)


def test_while_an_import_runs_nothing_is_pruned(half_gone: Library) -> None:
    with import_lock(half_gone.target), pytest.raises(ImportRunningError):
        pruned(half_gone)


def test_equal_files_forget_the_one_that_went(library: Library, music: Path) -> None:
    make_songs(music, "a.flac")
    for copy in ("b.flac", "c.flac"):
        shutil.copyfile(music / "a.flac", music / copy)
    import_folder(library)
    (music / "a.flac").unlink()
    import_folder(library)
    pruned(library)
    rows = table(library, File, "guid", "matching_hashes")
    assert [listed for _, listed in rows] == [[guid] for guid, _ in reversed(rows)]
    assert import_folder(library).counts.to_import == 0


def test_orphans_go_and_what_is_named_linked_or_tuned_stays(library: Library, music: Path) -> None:
    for number in (1, 15, 27):
        sound = make_sound(music / f"{number}.flac", frequency=300 + number)
        tag_sound(sound, **musicbrainz_tags(number))
    sound = make_sound(music / "no ids.flac", frequency=999)
    tag_sound(sound, title="T", artist="Named Without Id", album="Also")
    import_folder(library)
    with library.unit_of_work("a user") as work:
        for guid, title in table(library, Song, "guid", "title"):
            if title == "Title 27":
                work.songs.update(guid, base_probability=2.0)
    for number in (15, 27):
        (music / f"{number}.flac").unlink()
    import_folder(library)
    # The files that are missing still refer to something.
    assert counted(library) == {"songs": 0, "artists": 0, "albums": 0, "works": 0}
    pruned(library)
    told = counted(library)
    deleted = pruned(library, orphans=True).deleted
    assert {"files": 0, **told} == asdict(deleted)
    assert (deleted.songs, deleted.artists, deleted.albums, deleted.works) == (1, 1, 2, 1)
    assert table(library, Song, "title") == [("Title 1",), ("Title 27",)]
    assert table(library, Artist, "name") == [
        ("Artist 1",),
        ("Artist 27",),
        ("Named Without Id",),
    ]
    assert table(library, Album, "title") == [("Album 0",), ("Also",)]
    assert len(table(library, Work, "guid")) == 2


def test_after_a_corrected_name_stats_says_what_nothing_refers_to_and_how_it_is_deleted(
    tmp_path: Path, run_here: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "Music"
    folder.mkdir()
    sound = make_sound(folder / "a.flac")
    for name in ("Beatels", "Beatles"):
        tag_sound(sound, title="Help", artist=name, album="Help")
        run_here("import", folder)
    database = ("--database", folder / "wkmp.db")
    capsys.readouterr()
    assert run_here("stats", *database) == 0
    told = capsys.readouterr().out
    assert "No file refers to 1 artist, 1 album. To delete them:\n" in told
    command = shlex.split(told.splitlines()[-1])
    assert command[1:] == ["prune", "--orphans", "--database", str(folder / "wkmp.db")]
    assert run_here(*command[1:]) == 0
    capsys.readouterr()
    assert run_here("stats", *database, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert not any(document["orphans"].values())


def test_the_command_says_what_it_did_and_what_it_would(
    music: Path, tmp_path: Path, run_here: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "Music"
    make_songs(folder, "a.flac", "b.flac")
    run_here("import", folder)
    (folder / "a.flac").unlink()
    run_here("import", folder)
    capsys.readouterr()
    assert run_here("prune", folder) == 0
    assert capsys.readouterr().out.startswith("Deleted nothing.")
    assert run_here("prune", folder, "--missing-for", "0", "--dry-run") == 0
    assert capsys.readouterr().out.startswith("Would delete 1 file.\n  a.flac  missing since ")
    assert run_here("prune", folder, "--missing-for", "0h", "--json", "--orphans") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["dry_run"], document["deleted"]["files"]) == (False, 1)
    assert document["backup"].endswith("wkmp.db-before-prune.bak")
    for wrong in ("soon", "3", "-1d", "99999999d"):
        assert run_here("prune", folder, "--missing-for", wrong) == 2
