r"""How the path of a file is spelled in the database: the one place that turns one into the other.

Knows nothing of tables, of settings, or of what is in a file.

A stored path is relative to the library's root, with `/` between the names on every system, and the
names are spelled as the file system spells them: no change of case, no Unicode normalisation. Rows
are found by this text, so two spellings of one file would be two rows.

Stored text is UTF-8, a file name need not be. A byte that is not part of valid UTF-8 is written
`\xHH` with two upper-case hexadecimal digits (80 to FF). Where a name really contains what would
read as such an escape, or `\x5C`, its backslash is written `\x5C`. Every other name is unchanged:

    caf\xE9.mp3       "café.mp3" in Latin-1, where é is the single byte E9
    a\x5CxE9.mp3      a\xE9.mp3, spelled in the file system with a backslash
    AC\DC.mp3         AC\DC.mp3

Symbolic links count as they were walked: a folder of the library that is a link to another disk is
a folder of the library, and its files are stored under the link's name.

Every function may be called from any thread; only `path_under_root` looks at the disk. The errors
are ConfigurationError, for what cannot be a path, and its subclass PathOutsideRootError.
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

# Only what is ever written counts as an escape: no byte below 80 but the backslash itself, so that
# none can hide a "/", a ".." or a NUL.
_ESCAPED_BYTE: Final = re.compile(rb"\\x(5C|[89A-F][0-9A-F])")
_BACKSLASH_OF_A_SEEMING_ESCAPE: Final = re.compile(r"\\(?=x(?:5C|[89A-F][0-9A-F]))")
_BYTE_THAT_IS_NOT_UTF_8: Final = re.compile(r"[\udc80-\udcff]")


def stored_path(file: PurePath, root: PurePath) -> str:
    """Return the stored path of a file below the library's root.

    Compares names only, so both paths must begin in the same spelling, as those of a walk over the
    root do; `path_under_root` respells any other. Raises PathOutsideRootError when the file is not
    below the root, is the root itself, or has a `..` on its way from there.
    """
    try:
        relative = file.relative_to(root)
    except ValueError:
        raise _outside(file, root) from None
    if not relative.parts or ".." in relative.parts:
        raise _outside(file, root)
    return path_text(relative)


def file_path(stored: str, root: P) -> P:
    r"""Return where a stored path leads under the library's root. The inverse of `stored_path`.

    Raises PathOutsideRootError when the text is empty or absolute, has a `..` or an empty name in
    it, or a name that this system would read as more than one (`a\b` on Windows).
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
    """Return any path as text that a database can store, in the escape of this module."""
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
    """Respell the path of a folder or file so that it begins with the library's root.

    For paths that people type: relative ones, with `..`, through another link or mount that shows
    the same root, and, where the file system takes `jazz` for `Jazz`, in another case. The names
    below the root come out as the file system spells them, so `stored_path` answers with the text
    that a walk over the whole root gives. The root itself is under the root.

    Raises PathOutsideRootError when the path does not lead into the root, and ConfigurationError
    when there is no root.
    """
    _without_nul(str(path))
    refuse_missing_root(root)
    for spelling in _spellings(path):
        for ancestor in (spelling, *spelling.parents):
            if _is_same(ancestor, root):
                return _as_listed(root, spelling.relative_to(ancestor))
    raise _outside(path, root)


def refuse_missing_root(root: Path) -> None:
    """Raise ConfigurationError unless the library's root is a folder that is there."""
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
    except OSError:  # Not there, or not to be looked at; an ancestor may be.
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
        # Not followed, so that a link beside the folder it leads to is not taken for it.
        wanted = (folder / name).lstat()
        same = (e.name for e in listed.values() if os.path.samestat(e.lstat(), wanted))
        return next(same, name)
    except OSError:  # Nothing there, or nothing that may be listed.
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
