"""The root folder is named by the first of four places that has an answer, and by no other."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wkmp_orm.errors import ConfigurationError
from wkmp_orm.root_folder import (
    CONFIG_FILE_NAME,
    LARGEST_CONFIGURATION_BYTES,
    ResolvedRoot,
    RootSource,
    default_config_home,
    resolve_root_folder,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HOME = {"HOME": "/home/nina", "USERPROFILE": "/home/nina"}
BOTH = {"WKMP_ROOT_FOLDER": "/from/variable", "WKMP_ROOT": "/from/older/variable"}


def _here(folder: str) -> Path:
    """Return the folder on the current drive, where there are drives."""
    return Path(folder).absolute()


@pytest.fixture
def write_config(tmp_path: Path) -> Callable[[str], Path]:
    """Write the configuration file and answer with the folder that it lies in."""

    def write(content: str) -> Path:
        (tmp_path / CONFIG_FILE_NAME).write_text(content, encoding="utf-8")
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("argument", "environ", "expected"),
    [
        pytest.param(
            "/from/argument",
            BOTH,
            ResolvedRoot(_here("/from/argument"), RootSource.ARGUMENT),
            id="argument",
        ),
        pytest.param(
            None,
            BOTH,
            ResolvedRoot(_here("/from/variable"), RootSource.ENVIRONMENT),
            id="WKMP_ROOT_FOLDER",
        ),
        pytest.param(
            None,
            {"WKMP_ROOT": "/from/older/variable"},
            ResolvedRoot(_here("/from/older/variable"), RootSource.ENVIRONMENT),
            id="WKMP_ROOT",
        ),
        pytest.param(
            None, {}, ResolvedRoot(_here("/from/file"), RootSource.CONFIG_FILE), id="file"
        ),
    ],
)
def test_the_first_place_with_an_answer_wins(
    write_config: Callable[[str], Path],
    argument: str | None,
    environ: Mapping[str, str],
    expected: ResolvedRoot,
) -> None:
    config_home = write_config('root_folder = "/from/file"')
    found = resolve_root_folder(argument, environ=HOME | dict(environ), config_home=config_home)
    assert found == expected


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param('port = 5723\n[root]\nfolder = "/music"', "it has no key", id="no-key"),
        pytest.param('root_folder = "/music', "not valid TOML", id="broken"),
        pytest.param("root_folder = 7", "is not a string but int", id="no-string"),
    ],
)
def test_an_unusable_configuration_file_is_a_warning_and_the_default(
    write_config: Callable[[str], Path],
    caplog: pytest.LogCaptureFixture,
    content: str,
    reason: str,
) -> None:
    config_home = write_config(content)
    with caplog.at_level(logging.WARNING, logger="wkmp_orm"):
        found = resolve_root_folder(environ=HOME, config_home=config_home)
    assert found == ResolvedRoot(_here("/home/nina/Music"), RootSource.DEFAULT)
    (record,) = caplog.records
    assert str(config_home / CONFIG_FILE_NAME) in record.getMessage()
    assert reason in record.getMessage()
    assert record.getMessage().endswith(f"taking {found.path}")


def test_to_have_no_configuration_file_is_usual_and_no_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="wkmp_orm"):
        found = resolve_root_folder(environ=HOME, config_home=tmp_path)
    assert found == ResolvedRoot(_here("/home/nina/Music"), RootSource.DEFAULT)
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert "no such file" in record.getMessage()


def test_a_configuration_file_of_other_bytes_is_a_warning_and_the_default(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / CONFIG_FILE_NAME).write_bytes(b'root_folder = "caf\xe9"')
    found = resolve_root_folder(environ=HOME, config_home=tmp_path)
    assert found.source is RootSource.DEFAULT
    assert "not valid TOML" in caplog.text


def _pipe(file: Path) -> None:
    os.mkfifo(file)


def _folder(file: Path) -> None:
    file.mkdir()


def _endless(file: Path) -> None:
    file.write_bytes(b"#" * (LARGEST_CONFIGURATION_BYTES + 1))


def _device(file: Path) -> None:
    file.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_pipe, "not a regular file"),
        (_folder, "not a regular file"),
        (_device, "not a regular file"),
        (_endless, "more than 1,048,576 bytes"),
    ],
)
def test_a_configuration_file_that_has_no_end_is_neither_waited_for_nor_read(
    tmp_path: Path, make: Callable[[Path], None], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    make(tmp_path / CONFIG_FILE_NAME)
    assert resolve_root_folder(environ=HOME, config_home=tmp_path).source is RootSource.DEFAULT
    assert reason in caplog.text


def test_a_configuration_file_may_be_a_link(
    tmp_path: Path, write_config: Callable[[str], Path]
) -> None:
    real = write_config('root_folder = "/from/file"') / CONFIG_FILE_NAME
    home = tmp_path / "dotfiles"
    home.mkdir()
    (home / CONFIG_FILE_NAME).symlink_to(real)
    assert resolve_root_folder(environ=HOME, config_home=home).path == _here("/from/file")


def test_an_earlier_place_is_not_disturbed_by_a_broken_file(
    write_config: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    resolve_root_folder("/music", environ={}, config_home=write_config("broken"))
    assert not caplog.records


@pytest.mark.parametrize("empty", ["", "  "], ids=["empty", "blank"])
@pytest.mark.parametrize(
    ("place", "named"),
    [
        ("argument", "the folder on the command line"),
        ("WKMP_ROOT_FOLDER", "environment variable WKMP_ROOT_FOLDER"),
        ("WKMP_ROOT", "environment variable WKMP_ROOT "),
        ("file", f"root_folder in .*{CONFIG_FILE_NAME}"),
    ],
    ids=["argument", "WKMP_ROOT_FOLDER", "WKMP_ROOT", "file"],
)
def test_a_place_that_is_set_but_empty_is_an_error_that_names_it(
    write_config: Callable[[str], Path], place: str, named: str, empty: str
) -> None:
    argument = empty if place == "argument" else None
    environ = HOME | ({place: empty} if place.startswith("WKMP") else {})
    content = empty if place == "file" else "/music"
    with pytest.raises(ConfigurationError, match=f"{named}.*set but empty"):
        resolve_root_folder(
            argument, environ=environ, config_home=write_config(f'root_folder = "{content}"')
        )


@pytest.mark.parametrize(
    ("text", "folder"), [("~", "/home/nina"), ("~/Tracks", "/home/nina/Tracks")]
)
def test_a_tilde_is_the_home_in_every_place(
    write_config: Callable[[str], Path], text: str, folder: str
) -> None:
    config_home = write_config(f'root_folder = "{text}"')
    by_argument = resolve_root_folder(text, environ=HOME, config_home=config_home)
    by_variable = resolve_root_folder(environ=HOME | {"WKMP_ROOT": text}, config_home=config_home)
    by_file = resolve_root_folder(environ=HOME, config_home=config_home)
    assert {by_argument.path, by_variable.path, by_file.path} == {_here(folder)}


def test_a_tilde_that_is_not_the_first_character_is_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve_root_folder("./~", environ=HOME).path == tmp_path / "~"
    assert resolve_root_folder("a/~", environ=HOME).path == tmp_path / "a" / "~"


def test_the_home_of_an_unknown_user_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="unknown user, ~nobody-of-that-name"):
        resolve_root_folder("~nobody-of-that-name/Music", environ=HOME)


def test_a_relative_path_counts_from_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve_root_folder("Music", environ=HOME).path == tmp_path / "Music"


def test_a_nul_is_an_error_that_names_the_place(write_config: Callable[[str], Path]) -> None:
    config_home = write_config('root_folder = "a\\u0000b"')
    with pytest.raises(ConfigurationError, match=f"{CONFIG_FILE_NAME} contains a NUL"):
        resolve_root_folder(environ=HOME, config_home=config_home)


def test_nothing_is_created(tmp_path: Path) -> None:
    resolve_root_folder(str(tmp_path / "new" / "root"), environ=HOME)
    assert not list(tmp_path.iterdir())


def test_the_environment_is_that_of_the_process_unless_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WKMP_ROOT_FOLDER", str(tmp_path))
    assert resolve_root_folder() == ResolvedRoot(tmp_path, RootSource.ENVIRONMENT)


@pytest.mark.parametrize(
    ("platform", "folder"),
    [
        ("linux", "/home/nina/.config/wkmp"),
        ("freebsd14", "/home/nina/.config/wkmp"),
        ("darwin", "/home/nina/Library/Application Support/WKMP"),
        ("win32", "/roaming/WKMP"),
    ],
)
def test_the_configuration_file_lies_where_the_other_services_have_theirs(
    platform: str, folder: str
) -> None:
    environ = HOME | {"APPDATA": "/roaming", "XDG_CONFIG_HOME": "/xdg"}
    assert default_config_home(environ, platform=platform) == Path(folder)


def test_the_file_in_the_default_place_is_read(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    config_home = default_config_home(environ)
    config_home.mkdir(parents=True)
    (config_home / CONFIG_FILE_NAME).write_text('root_folder = "/from/file"', encoding="utf-8")
    assert resolve_root_folder(environ=environ).path == _here("/from/file")
