"""What can be done is said to programs in calls, and to people in commands that they can type."""

from __future__ import annotations

import os
import pickle
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import run
from wkmp_orm import Library, WkmpOrmError, remedies
from wkmp_orm.cli.advice import command_line, spelled, spelled_for
from wkmp_orm.core import remedies as core_remedies
from wkmp_orm.core.remedies import Note, Remedy
from wkmp_orm.errors import (
    ConfigurationError,
    FlushFailedError,
    LockTimeoutError,
    SchemaOutdatedError,
)

if TYPE_CHECKING:
    from tests.conftest import Database

ALL_REMEDIES = [
    *(
        each
        for module in (remedies, core_remedies)
        for each in vars(module).values()
        if isinstance(each, Remedy)
    ),
    remedies.create_schema("/music/wkmp.db"),
    remedies.upgrade_schema("/music/wkmp.db"),
    core_remedies.install("online"),
    remedies.set_setting("rms_window_ms", "100"),
]

OF_PROGRAMS = ("read_only", "upgrade=", "Library.open", "begin_monitored", "unit of work", "commit")


def test_who_has_no_root_is_told_the_option_and_not_the_call(
    postgresql_database: Database,
) -> None:
    with (
        Library.open(postgresql_database.url) as library,
        pytest.raises(
            ConfigurationError, match=r"Give one to Library\.open\(root=\.\.\.\)$"
        ) as told,
    ):
        _ = library.root
    assert told.value.for_people().endswith("Give one: wkmp-orm import --root FOLDER")


def test_who_opens_read_only_what_is_not_there_yet_is_told_how_to_make_it(
    sqlite_database: Database,
) -> None:
    empty = Path(sqlite_database.url).with_name("empty.db")
    empty.touch()
    with pytest.raises(SchemaOutdatedError, match=r"Open it without read_only once$") as told:
        Library.open(empty, read_only=True)
    command = f"wkmp-orm db upgrade --database {empty}"
    assert told.value.for_people().endswith(f"Create it: {command}")


@pytest.mark.parametrize("remedy", ALL_REMEDIES, ids=repr)
def test_nobody_at_a_terminal_is_told_to_call_a_method(remedy: Remedy) -> None:
    words = remedy.person or ""
    assert not any(each in words for each in OF_PROGRAMS)
    assert remedy.program or remedy.person
    assert not remedy.command or remedy.command[0] in ("wkmp-orm", "pip")


def test_what_is_advised_is_each_enough_and_an_error_without_advice_is_its_message() -> None:
    error = LockTimeoutError(
        "it is held", core_remedies.COMMIT_AGAIN, core_remedies.WAIT_LONGER, waited_ms=1.0
    )
    assert str(error) == "it is held. Commit again, or raise ai_database_max_lock_wait_ms"
    assert error.for_people() == (
        "it is held. Run the same command again, or let it wait longer:"
        " wkmp-orm settings set ai_database_max_lock_wait_ms 20000"
    )
    plain = WkmpOrmError("it is so; do this")
    assert (str(plain), plain.for_people(), plain.remedies) == ("it is so; do this",) * 2 + ((),)


def test_what_only_a_program_can_do_is_not_told_to_people() -> None:
    assert FlushFailedError("it is so", core_remedies.MEND_THE_ROW).for_people() == "it is so"


def test_errors_and_notes_keep_their_advice_when_they_travel() -> None:
    error = ConfigurationError("it is missing", core_remedies.install("online"))
    note = Note("it is missing", core_remedies.install("online"))
    for each in (error, note):
        again = pickle.loads(pickle.dumps(each))  # noqa: S301
        assert str(again) == str(each)
        assert again.for_people() == each.for_people()
        assert again.remedies == each.remedies
    assert note == "it is missing. Run pip install 'wkmp_orm[online]'"


def test_a_package_is_installed_for_the_python_that_runs_this() -> None:
    told = ConfigurationError("it is missing", core_remedies.install("online")).for_people(spelled)
    *python, module, pip, verb, package = shlex.split(told.partition("Run ")[2])
    assert (python, module, pip, verb) == ([sys.executable], "-m", "pip", "install")
    assert package == "wkmp_orm[online]"


@pytest.mark.parametrize("is_on_path", [True, False])
def test_the_program_is_named_as_it_can_be_started(
    is_on_path: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    own = Path(sys.executable).parent / "wkmp-orm"
    monkeypatch.setenv(
        "PATH", f"{own.parent}{os.pathsep}{tmp_path}" if is_on_path else str(tmp_path)
    )
    told = command_line("--version")
    assert told == ("wkmp-orm --version" if is_on_path else f"{own} --version")
    assert subprocess.run(shlex.split(told), check=True, capture_output=True).stdout


def test_another_programs_wkmp_orm_on_the_path_is_not_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "wkmp-orm"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command_line() == str(Path(sys.executable).parent / "wkmp-orm")


def test_a_setting_is_set_in_the_database_that_it_is_about() -> None:
    write = spelled_for("/my music/wkmp.db")
    command = remedies.set_setting("rms_window_ms", "50").command
    assert write(command).endswith("settings set rms_window_ms 50 --database '/my music/wkmp.db'")
    assert "--database" not in write(core_remedies.install("online").command)


def test_a_command_says_what_can_be_typed(tmp_path: Path) -> None:
    ended = run("settings", "get", "nope", home=tmp_path)
    assert ended.returncode == 2
    command = shlex.split(ended.stderr.partition("List all settings: ")[2])
    assert command[-2:] == ["settings", "list"]
    assert subprocess.run([*command[:-2], "--version"], check=True, capture_output=True).stdout
