r"""Finds the folder that contains the music, in four places.

Nothing is created: the result may be a folder that does not exist yet. As in the other WKMP
services, the first place with a value wins:

1. the argument on the command line;
2. the environment: `WKMP_ROOT_FOLDER`, then `WKMP_ROOT`;
3. the key `root_folder` in `audio-ingest.toml`, which is in `~/.config/wkmp` on Linux, in
   `~/Library/Application Support/WKMP` on macOS and in `%APPDATA%\WKMP` on Windows;
4. the folder `Music` in the user's home.

An empty value, such as `WKMP_ROOT=`, is an error that names the place. The older services took the
empty text for the current folder. Skipping the place instead could import thousands of files under
the wrong root, because a script failed to set a variable.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
import sys
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.core.engine.place import is_database_url
from wkmp_orm.errors import ConfigurationError
from wkmp_orm.remedies import NAME_A_FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping

_logger = logging.getLogger(__name__)

ENVIRONMENT_VARIABLES: Final = ("WKMP_ROOT_FOLDER", "WKMP_ROOT")
CONFIG_FILE_NAME: Final = "audio-ingest.toml"
CONFIG_KEY: Final = "root_folder"
LARGEST_CONFIGURATION_BYTES: Final = 1024 * 1024
"""The limit of a configuration file, which usually has a few lines."""


class RootSource(StrEnum):
    """The place that named the root folder."""

    ARGUMENT = "command line"
    ENVIRONMENT = "environment"
    CONFIG_FILE = "configuration file"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class ResolvedRoot:
    """The root folder, absolute, and the place that named it."""

    path: Path
    source: RootSource


def resolve_root_folder(
    argument: str | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    config_home: Path | None = None,
) -> ResolvedRoot:
    """Return the root folder, and which of the four places named it. Any thread may call it.

    `config_home` is the folder of the configuration file; None means the platform's. A leading `~`
    is expanded; a relative path is relative to the current folder, whatever place it comes from. If
    the configuration file cannot be read or has no such key, a warning is logged; if there is no
    such file, that is logged at INFO. In both cases the default is used.

    Raises ConfigurationError if the first place with a value has an empty text, a NUL, or the `~`
    of an unknown user, and if the default is needed and the user has no home.
    """
    if argument is not None:
        path = _folder(argument, "the folder on the command line", environ)
        return ResolvedRoot(path, RootSource.ARGUMENT)
    for variable in ENVIRONMENT_VARIABLES:
        if variable in environ:
            path = _folder(environ[variable], f"environment variable {variable}", environ)
            return ResolvedRoot(path, RootSource.ENVIRONMENT)
    file = (config_home or default_config_home(environ)) / CONFIG_FILE_NAME
    try:
        text = _configured(file)
    except _NotConfiguredError as reason:
        default = (_home(environ) / "Music").absolute()
        # Most users have no such file and want the default.
        level = logging.INFO if isinstance(reason, _NoFileError) else logging.WARNING
        _logger.log(level, "no root folder in %s (%s): taking %s", file, reason, default)
        return ResolvedRoot(default, RootSource.DEFAULT)
    path = _folder(text, f"{CONFIG_KEY} in {file}", environ)
    return ResolvedRoot(path, RootSource.CONFIG_FILE)


def refuse_database_url(folder: str | os.PathLike[str], place: str) -> None:
    """Raise ConfigurationError, which names the place, if a folder is given as a database's URL."""
    text = os.fspath(folder)
    if is_database_url(text) and not os.path.isdir(text):  # noqa: PTH112  Path makes one / of two
        message = (
            f"{place} is the URL of a database, which is not repeated here because it may hold a"
            " password"
        )
        raise ConfigurationError(message, NAME_A_FOLDER)


def default_config_home(
    environ: Mapping[str, str] = os.environ, *, platform: str = sys.platform
) -> Path:
    """Return the folder in which WKMP services keep their configuration files.

    It is the folder that the other services use, even if the platform's conventions differ today:
    `XDG_CONFIG_HOME` is ignored.
    """
    if platform == "win32":
        roaming = environ.get("APPDATA")
        return Path(roaming or _home(environ, platform=platform) / "AppData" / "Roaming") / "WKMP"
    if platform == "darwin":
        return _home(environ, platform=platform) / "Library" / "Application Support" / "WKMP"
    return _home(environ, platform=platform) / ".config" / "wkmp"


def read_configuration(file: Path) -> dict[str, Any]:
    """Read a TOML configuration file. A link is followed, because the user made it.

    Raises ValueError if it is not TOML, and OSError, also if it is not a regular file (opening a
    named pipe would wait for ever) or is larger than LARGEST_CONFIGURATION_BYTES. Any thread.
    """
    descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Not a regular file", str(file))
        content = os.read(descriptor, LARGEST_CONFIGURATION_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > LARGEST_CONFIGURATION_BYTES:
        raise OSError(errno.EFBIG, f"More than {LARGEST_CONFIGURATION_BYTES:,} bytes", str(file))
    return tomllib.loads(content.decode())


class _NotConfiguredError(Exception):
    """The configuration file does not name a root folder; the message says why."""


class _NoFileError(_NotConfiguredError):
    """There is no configuration file."""


def _configured(file: Path) -> str:
    try:
        table = read_configuration(file)
    except FileNotFoundError:
        message = "no such file"
        raise _NoFileError(message) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise _NotConfiguredError(reason[:1].lower() + reason[1:]) from None
    except ValueError as error:
        message = f"not valid TOML: {error}"
        raise _NotConfiguredError(message) from None
    if CONFIG_KEY not in table:
        message = f"it has no key {CONFIG_KEY}"
        raise _NotConfiguredError(message)
    value = table[CONFIG_KEY]
    if not isinstance(value, str):
        message = f"{CONFIG_KEY} is not a string but {type(value).__name__}"
        raise _NotConfiguredError(message)
    return value


def _folder(text: str, place: str, environ: Mapping[str, str]) -> Path:
    if not text.strip():
        message = f"{place} is set but empty: name a folder there, or remove it"
        raise ConfigurationError(message)
    if "\0" in text:
        message = f"{place} contains a NUL, which no folder's name can: correct it"
        raise ConfigurationError(message)
    refuse_database_url(text, place)
    path = Path(text)
    if not text.startswith("~"):
        return path.absolute()
    user, *names = path.parts
    if user == "~":
        return _home(environ).joinpath(*names).absolute()
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        message = f"{place} names the home of an unknown user, {user}: write the folder out"
        raise ConfigurationError(message) from None


def _home(environ: Mapping[str, str], *, platform: str = sys.platform) -> Path:
    variable = "USERPROFILE" if platform == "win32" else "HOME"
    try:
        return Path(environ.get(variable) or Path.home())
    except RuntimeError:
        message = f"this user has no home folder: set {variable}, or name a root folder"
        raise ConfigurationError(message) from None
