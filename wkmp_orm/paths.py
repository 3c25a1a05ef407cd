r"""Converts the paths of files to their stored text, and back.

A stored path is relative to the library's root, with `/` between the names on every system. The
names have the file system's spelling: their case and their Unicode normalisation do not change.
Rows are found by this text, so two spellings of one file would give two rows.

Stored text is UTF-8, but a file name need not be. A byte that is not part of valid UTF-8 is written
as `\xHH` with two upper-case hexadecimal digits (80 to FF). If a name already contains a text that
looks like such an escape or like `\x5C`, its backslash is written as `\x5C`. Other names do not
change:

    caf\xE9.mp3       "café.mp3" in Latin-1, where é is the single byte E9
    a\x5CxE9.mp3      a\xE9.mp3, whose name in the file system contains a backslash
    AC\DC.mp3         AC\DC.mp3

Symbolic links are not resolved: a folder of the library that is a link to another disk is a folder
of the library, and its files are stored under the link's name.

Any thread may call all functions. Most of them do not access the disk; `path_under_root` does. The
errors are ConfigurationError, for an invalid path, and its subclass PathOutsideRootError.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final, TypeVar

from wkmp_orm.errors import ConfigurationError, PathOutsideRootError

if TYPE_CHECKING:
    from collections.abc import Iterator

P = TypeVar("P", bound=PurePath)

# Only escapes that this module writes are decoded: no byte below 80 except the backslash. So none
# can hide a "/", a ".." or a NUL.
_ESCAPED_BYTE: Final = re.compile(rb"\\x(5C|[89A-F][0-9A-F])")
_BACKSLASH_OF_A_SEEMING_ESCAPE: Final = re.compile(r"\\(?=x(?:5C|[89A-F][0-9A-F]))")
_BYTE_THAT_IS_NOT_UTF_8: Final = re.compile(r"[\udc80-\udcff]")


def stored_path(file: PurePath, root: PurePath) -> str:
    """Return the stored path of a file below the library's root.

    Only names are compared, so both paths must begin with the same spelling, as they do in a walk
    over the root; `path_under_root` converts other paths. Raises PathOutsideRootError if the file
    is not below the root, is the root itself, or has a `..` below it.
    """
    try:
        relative = file.relative_to(root)
    except ValueError:
        raise _outside(file, root) from None
    if not relative.parts or ".." in relative.parts:
        raise _outside(file, root)
    return path_text(relative)


def file_path(stored: str, root: P) -> P:
    r"""Return the path of a stored path under the library's root: the inverse of `stored_path`.

    Raises PathOutsideRootError if the text is empty or absolute, contains a `..` or an empty name,
    or a name that this system would read as several (`a\b` on Windows).
    """
    names = [_unescaped(name) for name in stored.split("/")]
    path = root.joinpath(*names)
    if path.parts != (*root.parts, *names) or ".." in names:
        message = (
            f"stored path {stored!a} does not lead to a file below the library's root: it must be"
            " relative, with single '/' between the names and no '..'; correct it in the database"
        )
        raise PathOutsideRootError(message)
    return path


def path_text(path: PurePath) -> str:
    """Return any path as text that a database can store, with this module's escapes."""
    try:
        name = os.fsencode(path.as_posix()).decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        message = f"{str(path)!a} is no path: a file name of this system cannot be spelled so"
        raise ConfigurationError(message) from None
    name = _BACKSLASH_OF_A_SEEMING_ESCAPE.sub(r"\\x5C", name)
    name = _BYTE_THAT_IS_NOT_UTF_8.sub(lambda byte: f"\\x{ord(byte[0]) - 0xDC00:02X}", name)
    return _without_nul(name)


def path_from_text(text: str) -> Path:
    """Return the path that `path_text` wrote."""
    return Path(_unescaped(text))


def path_under_root(path: Path, root: Path) -> Path:
    """Convert the path of a folder or file so that it begins with the library's root.

    Use it for paths that people type: relative ones, with `..`, through another link or mount of
    the root, or in another case on a file system that ignores case. The names below the root get
    the file system's spelling, so `stored_path` returns the same text as for a walk over the root.
    The root itself counts as under the root.

    Raises PathOutsideRootError if the path does not lead into the root, and ConfigurationError if
    the root does not exist.
    """
    _without_nul(str(path))
    refuse_missing_root(root)
    for spelling in _spellings(path):
        for ancestor in (spelling, *spelling.parents):
            if _is_same(ancestor, root):
                return _as_listed(root, spelling.relative_to(ancestor))
    raise _outside(path, root)


def refuse_missing_root(root: Path) -> None:
    """Raise ConfigurationError unless the library's root is an existing folder."""
    if not os.path.isdir(root):  # noqa: PTH112  Path.is_dir raises PermissionError
        message = f"the library's root {_shown(root)} cannot be reached: mount it, or name another"
        raise ConfigurationError(message)


def _spellings(path: Path) -> Iterator[Path]:
    absolute = path.absolute()
    if ".." not in absolute.parts:
        yield absolute
    yield Path(os.path.realpath(absolute))


def _is_same(path: Path, root: Path) -> bool:
    try:
        return path.samefile(root)
    except OSError:  # It is missing or not accessible; an ancestor may be accessible.
        return False


def _as_listed(folder: Path, relative: Path) -> Path:
    for name in relative.parts:
        folder /= _listed_name(folder, name)
    return folder


def _listed_name(folder: Path, name: str) -> str:
    try:
        listed = {entry.name: entry for entry in folder.iterdir()}
        if name in listed:
            return name
        # lstat: a link beside the folder that it leads to must not be taken for that folder.
        wanted = (folder / name).lstat()
        same = (e.name for e in listed.values() if os.path.samestat(e.lstat(), wanted))
        return next(same, name)
    except OSError:  # It is missing, or cannot be listed.
        return name


def _unescaped(text: str) -> str:
    try:
        raw = _without_nul(text).encode("utf-8")
        return os.fsdecode(_ESCAPED_BYTE.sub(lambda escape: bytes([int(escape[1], 16)]), raw))
    except UnicodeError:
        message = f"{text!a} is no path: a file name of this system cannot be spelled so"
        raise ConfigurationError(message) from None


def _without_nul(text: str) -> str:
    if "\0" in text:
        message = f"{text!a} is no path: it contains a NUL, which no file name can"
        raise ConfigurationError(message)
    return text


def _outside(path: PurePath, root: PurePath) -> PathOutsideRootError:
    return PathOutsideRootError(
        f"{_shown(path)} does not lie below the library's root {_shown(root)}: move it there, or"
        " keep it in a library of its own, with another database"
    )


def _shown(path: PurePath) -> str:
    return "'" + str(path).encode("utf-8", "backslashreplace").decode("utf-8") + "'"
