"""`wkmp-orm export`: writes a whole list as CSV, JSON Lines or an M3U8 playlist."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click

from wkmp_orm.cli.looking import list_and_query, opened
from wkmp_orm.cli.options import database_option
from wkmp_orm.cli.terminal import say_note
from wkmp_orm.cli.words import number_of
from wkmp_orm.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

FORMATS: Final = {".csv": "csv", ".jsonl": "jsonl", ".m3u8": "m3u8", ".m3u": "m3u8"}
WITH_FILES: Final = ("songs", "files", "passages")
"""The lists that can be written as a playlist."""
PAGE: Final = 1_000


@click.command("export", short_help="Write a list as CSV, JSON Lines or a playlist.")
@click.argument("words", metavar="[LIST] [QUERY]...", nargs=-1)
@click.option(
    "--format",
    "form",
    type=click.Choice(sorted(set(FORMATS.values()))),
    help="csv, jsonl (JSON Lines) or m3u8.  [default: by the ending of FILE, else csv]",
)
@click.option("--output", metavar="FILE", help="The file to write.  [default: standard output]")
@click.option("--json", "as_json", is_flag=True, help="The same as --format jsonl, for programs.")
@database_option
def export_command(
    words: tuple[str, ...],
    form: str | None,
    output: str | None,
    database: str | None,
    *,
    as_json: bool,
) -> None:
    """Write the whole list that `ls` shows page by page: LIST and QUERY are the same as for `ls`.

    An M3U8 playlist contains the paths of the files on this machine. For a part of a file it gives
    beginning and end in a form that VLC understands.
    """
    from wkmp_orm.cli.exporting import written  # noqa: PLC0415

    name, query = list_and_query(words)
    chosen = "jsonl" if as_json else form or FORMATS.get(Path(output or "").suffix.lower(), "csv")
    if chosen == "m3u8" and name not in WITH_FILES:
        message = f"a playlist is made of {', '.join(WITH_FILES)}, not of {name}"
        raise ConfigurationError(message)
    with opened(database) as (library, session):
        # Read before the file is opened: a playlist needs it, and it may raise an error.
        root = library.root if chosen == "m3u8" else None
        with _stream(output) as stream:
            number, left_out = written(stream, chosen, name, _every(session, name, query), root)
    if output is not None:
        say_note(f"{number_of(number, 'entry', 'entries')} written to {output}.")
    if left_out:
        files = number_of(left_out, "entry", "entries")
        why = "their file is missing, or a playlist cannot contain its name"
        say_note(f"{files} left out: {why}.")


def _every(session: Session, name: str, query: tuple[str, ...]) -> Iterator[Any]:
    from wkmp_orm import browse  # noqa: PLC0415

    after = None
    while True:
        page = getattr(browse, name)(session, query, after=after, limit=PAGE)
        yield from page.entries
        after = page.after
        if after is None:
            return


@contextmanager
def _stream(output: str | None) -> Iterator[IO[bytes]]:
    """Yield the stream to write to: a file is replaced completely or stays unchanged."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(output)
    try:
        number, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}.")
    except OSError as error:
        message = f"{target} cannot be written: {error.strerror}"
        raise ConfigurationError(message) from None
    try:
        with os.fdopen(number, "wb") as stream:
            yield stream
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
