"""A folder of music may be a stranger's: nothing in it is run, and no link or pipe is followed.

Each import runs in a process of its own that is started inside of the folder.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.commands import environment
from tests.support.patience import PATIENCE_S
from tests.support.planted import KINDS, plant, state_of
from tests.support.sound import make_sound, musicbrainz_tags, tag_sound
from tests.support.web_services import API_KEY, web_services
from wkmp_orm import Library, __version__
from wkmp_orm.schema import head_revision

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Refused: TypeAlias = Callable[..., str]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and pipes are of POSIX")

# Modules of the standard library, of what we need and of what we would use; the first ones Python
# itself imports for `-m`, before any program of that name is looked for.
PYTHONS_OWN: Final = ("types", "functools", "contextlib", "runpy", "warnings", "wkmp_orm")
MODULES: Final = (
    *("sitecustomize", "usercustomize", "json", "signal", "pickle", "struct", "tomllib", "wave"),
    *("sqlite3", "alembic", "sqlalchemy", "click", "rich", "tenacity", "uuid_utils", "psycopg"),
    *("av", "numpy", "soundfile", "mediafile", "mutagen", "httpx2", "essentia", "chromaprint"),
    *("imageio_ffmpeg", "_soundfile_data", "env", "ruff", "fcntl_", "migrations"),
)
PROGRAMS: Final = (
    *("ffmpeg", "fpcalc", "python", "python3", "git", "gcc", "cc", "ld", "objdump", "ldconfig"),
    *("sh", "uname", "alembic", "wkmp-orm"),
)
BACKUP: Final = f"wkmp.db-before-{head_revision()}.bak"


def note(folder: Path) -> Path:
    return folder.parent / "what-was-run"


@pytest.fixture
def album(tmp_path: Path, home: Path) -> Path:
    """Make a folder with a song, and what a stranger added."""
    folder = home / "album"
    folder.mkdir()
    song = make_sound(folder / "song.flac", seconds=2)
    tag_sound(song, **musicbrainz_tags(1))
    ran = note(folder)
    code = f"open({str(ran)!r}, 'a').write(__file__ + '\\n')\n"
    for name in MODULES:
        (folder / f"{name}.py").write_text(code)
    for name in ("_alembic", "versions"):
        (folder / name).mkdir()
        (folder / name / "env.py").write_text(code)
    for name in PROGRAMS:
        (folder / name).write_text(f"#!/bin/sh\necho {name} >> {ran}\necho chromaprint\n")
        (folder / name).chmod(0o755)
    (folder / "stranger.pth").write_text(f"import os; {code}")
    (folder / "pyvenv.cfg").write_text("home = .\ninclude-system-site-packages = true\n")
    settings = "[alembic]\nscript_location = %(here)s\nprepend_sys_path = .\n"
    (folder / "alembic.ini").write_text(settings)
    (folder / "setup.cfg").write_text(settings)
    (folder / "pyproject.toml").write_text("[tool.alembic]\nscript_location = '.'\n")
    plugin = folder / "stranger-1.0.dist-info"
    plugin.mkdir()
    (plugin / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (plugin / "entry_points.txt").write_text(
        "[alembic.plugins]\nstranger = env\n[sqlalchemy.dialects]\nsqlite.pysqlite = env:any\n"
    )
    for name in ("libchromaprint.so.1", "libsndfile.so", "libpython3.so"):
        (folder / name).write_bytes(b"\x7fELF no library")
    return folder


WAYS: Final = {
    "wkmp-orm": [str(Path(sys.executable).with_name("wkmp-orm"))],
    "python -m wkmp_orm": [sys.executable, "-m", "wkmp_orm"],
    "python -P -m wkmp_orm": [sys.executable, "-P", "-m", "wkmp_orm"],
}

ways = pytest.mark.parametrize("way", WAYS)


def run_inside(folder: Path, way: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command with the folder as the current one, and a PATH that leads there as well."""
    surroundings = environment(folder.parent)
    del surroundings["PYTHONPATH"]
    surroundings["PATH"] = f":{surroundings['PATH']}:."
    return subprocess.run(
        [*WAYS[way], *arguments],
        check=False,
        capture_output=True,
        encoding="utf-8",
        env=surroundings,
        cwd=folder,
        timeout=PATIENCE_S,
    )


def was_run(folder: Path) -> str:
    return note(folder).read_text() if note(folder).exists() else ""


@ways
def test_an_import_that_is_started_in_a_strangers_folder_runs_nothing_of_it(
    album: Path, way: str
) -> None:
    if way != "python -m wkmp_orm":  # there it is Python that runs them, before it knows of us
        for name in PYTHONS_OWN:
            shutil.copy(album / "json.py", album / f"{name}.py")
    before = state_of(album)
    ended = run_inside(album, way, "import", ".")
    assert was_run(album) == ""
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.startswith("Imported 1 file in ")
    after = state_of(album)
    assert {path: after[path] for path in before} == before
    added = {Path(path).name for path in after.keys() - before.keys()}
    assert added == {"wkmp.db", "wkmp.db-gate", "wkmp.db-ticket", "wkmp.db-import"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["status", "."],
        ["retry-failed", "."],
        ["db", "check", "--database", "wkmp.db"],
        ["settings", "list", "--database", "wkmp.db"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_no_other_command_runs_anything_of_it_either(album: Path, arguments: list[str]) -> None:
    Library.open(album / "wkmp.db").close()
    ended = run_inside(album, "python -m wkmp_orm", *arguments)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert was_run(album) == ""


def test_an_import_that_makes_fingerprints_runs_none_of_its_programs(album: Path) -> None:
    make_sound(album / "untagged.flac", seconds=12, frequency=700)
    with web_services() as services:
        with Library.open(album / "wkmp.db") as library:
            library.settings.save(
                {"acoustid_api_key": API_KEY, "acoustid_url": services.acoustid.url}
            )
        ended = run_inside(album, "wkmp-orm", "import", ".")
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert services.acoustid.requests, "a fingerprint was made, and asked for"
    assert was_run(album) == ""


# What is opened to be read or written by an import, and what a backup before an upgrade makes.
OWN_FILES: Final = (
    *("wkmp.db", "wkmp.db-wal", "wkmp.db-shm", "wkmp.db-journal"),
    *("wkmp.db-gate", "wkmp.db-ticket", "wkmp.db-import"),
)
NOT_OPENED: Final = (
    *(BACKUP, f"{BACKUP}.unfinished", f"{BACKUP}.unfinished-journal"),
    *("audio-ingest.toml", "wkmp-ai.toml", "wkmp.toml", "log", "wkmp.log"),
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", OWN_FILES)
def test_what_lies_in_the_place_of_a_file_of_ours_is_refused_by_name_and_left_as_it_is(
    tmp_path: Path, refused: Refused, name: str, kind: str
) -> None:
    album = tmp_path / "album"
    album.mkdir()
    plant(kind, album / name, tmp_path / "victims")
    before = state_of(tmp_path)
    said = refused("import", album)
    assert str(album / name) in said.replace("\n", "")
    after = state_of(tmp_path)
    assert {path: after[path] for path in before} == before
    assert not (tmp_path / "victims" / "not-there").exists()


@pytest.mark.parametrize("way", ["wkmp-orm", "python -m wkmp_orm"])
def test_an_import_among_all_of_them_follows_and_changes_none(
    album: Path, tmp_path: Path, way: str
) -> None:
    """It names what it would have to open, one after the other; without these, it runs."""
    kinds = itertools.cycle(KINDS)
    for name in (*OWN_FILES, *NOT_OPENED):
        plant(next(kinds), album / name, tmp_path / "victims")
    before = state_of(album, tmp_path / "victims")
    for name in OWN_FILES:
        if name in {OWN_FILES[0], OWN_FILES[-1]}:  # each costs a process
            ended = run_inside(album, way, "import", ".")
            assert ended.returncode == 2, ended
            assert "wkmp.db" in ended.stderr
            after = state_of(album, tmp_path / "victims")
            assert {path: after[path] for path in before} == before
        place = album / name
        before.pop(str(place))
        if place.is_dir() and not place.is_symlink():
            place.rmdir()
        else:
            place.unlink()
    ended = run_inside(album, way, "import", ".")
    assert ended.stdout.startswith("Imported 1 file in "), ended.stdout + ended.stderr
    after = state_of(album, tmp_path / "victims")
    assert {path: after[path] for path in before} == before
    assert was_run(album) == ""


def test_a_database_that_is_a_link_is_used_if_it_is_named(
    album: Path, tmp_path: Path, refused: Refused, run_here: Callable[..., int]
) -> None:
    real = tmp_path / "disk" / "music database.db"
    real.parent.mkdir()
    Library.open(real, root=album).close()
    (album / "wkmp.db").symlink_to(real)
    for command in ("import", "status", "retry-failed"):
        said = " ".join(refused(command, album).split())
        assert f"{album / 'wkmp.db'} is a symbolic link to {real}" in said
        assert f"--database '{real}'" in said
    assert run_here("import", album, "--database", real) == 0


LOOK = """
import shutil, sys
from wkmp_orm.cli import main
try:
    main(["--version"])
except SystemExit:
    print(shutil.which("anything"), sys.path[:1] == [sys.argv[1]])
"""


@pytest.mark.parametrize("entry", ["", ".", "sub/.."])
def test_libraries_find_no_program_and_no_module_there_once_a_command_runs(
    tmp_path: Path, home: Path, entry: str
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "anything").write_text("#!/bin/sh\n")
    (tmp_path / "anything").chmod(0o755)
    surroundings = environment(home, {"PYTHONPATH": entry + os.pathsep})
    ended = subprocess.run(
        [sys.executable, "-P", "-c", LOOK, str(tmp_path)],
        check=True,
        capture_output=True,
        encoding="utf-8",
        env=surroundings | {"PATH": entry},
        cwd=tmp_path,
    )
    assert ended.stdout.splitlines()[-1] == "None False"


def test_the_command_that_is_tested_is_this_one() -> None:
    said = subprocess.run(
        [*WAYS["wkmp-orm"], "--version"], check=True, capture_output=True, encoding="utf-8"
    )
    assert __version__ in said.stdout
