"""Writes a report as one file, completely or not at all; never over a file or through a link."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from wkmp_orm.core.backup.sqlite_copy import new_file, sync_folder
from wkmp_orm.core.remedies import install
from wkmp_orm.errors import ConfigurationError

if TYPE_CHECKING:
    from wkmp_orm.library import Library


def write_report(
    library: Library,
    file: str | os.PathLike[str],
    *,
    trace: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a page about a library to `file`, and return its absolute path.

    `trace` is the file that `wkmp-orm import --trace FILE` wrote; it becomes a time line. Only the
    current user can read the page. `overwrite` replaces an existing file; a link is replaced, not
    followed.

    Raises ConfigurationError if the extra `report` is missing, the file exists or cannot be
    written, or the trace cannot be read; raises DatabaseUnavailableError. Any thread may call.
    """
    for needed in ("jinja2", "matplotlib"):
        if find_spec(needed) is None:
            raise ConfigurationError(
                f"a report needs {needed}, which is missing", install("report")
            )
    place = _place_of(file, overwrite=overwrite)
    from wkmp_orm.report.page import page_of  # noqa: PLC0415  an extra
    from wkmp_orm.report.trace import read_trace  # noqa: PLC0415

    told = None if trace is None else read_trace(Path(trace).expanduser())
    with library.reader() as session:
        page = page_of(session, str(library.target), told)
    try:
        _write(place, page.encode("utf-8", "backslashreplace"))
    except OSError as error:
        msg = f"no report can be written to {place}: {error.strerror or error}"
        raise ConfigurationError(msg) from error
    return place


def _place_of(file: str | os.PathLike[str], *, overwrite: bool) -> Path:
    place = Path(os.path.abspath(Path(file).expanduser()))  # noqa: PTH100  resolve would follow a link
    if place.is_dir() and not place.is_symlink():
        raise ConfigurationError(
            f"{place} is a folder: give the name of a file that becomes the page"
        )
    if not place.parent.is_dir():
        raise ConfigurationError(f"folder {place.parent} does not exist: make it, or name another")
    if os.path.lexists(place) and not overwrite:
        raise ConfigurationError(f"{place} is there already: give another name, or --force")
    return place


def _write(place: Path, page: bytes) -> None:
    unfinished = place.with_name(f"{place.name}.unfinished")
    with new_file(unfinished) as descriptor:
        with os.fdopen(os.dup(descriptor), "wb") as stream:
            stream.write(page)
        os.fsync(descriptor)
        unfinished.replace(place)
    sync_folder(place.parent)
