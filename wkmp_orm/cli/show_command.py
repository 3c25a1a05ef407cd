"""`wkmp-orm show`: shows one song, artist, album or file in full."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from wkmp_orm.cli.looking import line_with_guid, looking_options, opened, print_json
from wkmp_orm.cli.terminal import out, say_note
from wkmp_orm.errors import ConfigurationError

if TYPE_CHECKING:
    from wkmp_orm.library import Library

SEVERAL: Final = 1


@click.command("show", short_help="Show one song, artist, album or file in full.")
@click.argument("what")
@looking_options
def show_command(what: str, database: str | None, *, as_json: bool) -> int:
    """Show WHAT: the path of a file, a guid, a MusicBrainz id, or a name.

    A file appears with its passages on a time line, a song with its passages, an artist
    with songs, an album with its passages. If several match, they are listed with their guids, and
    the exit code is 1.
    """
    from wkmp_orm import browse  # noqa: PLC0415
    from wkmp_orm.cli.documents_of_lists import things_document  # noqa: PLC0415
    from wkmp_orm.cli.things import show_thing  # noqa: PLC0415

    with opened(database) as (library, session):
        found = browse.find(session, _stored(library, what))
        if not found:
            message = (
                f"nothing in {library.target} is called {what!a} or has it as guid, MusicBrainz id"
                " or path"
            )
            raise ConfigurationError(message)
        details = browse.details(session, found[0]) if len(found) == 1 else None
    if as_json:
        print_json(things_document(found if details is None else [details]))
    elif details is not None:
        show_thing(details)
    else:
        say_note("Several match. Show one by its guid:")
        for entry in found:
            out.print(line_with_guid(entry))
    return SEVERAL if details is None else 0


def _stored(library: Library, what: str) -> str:
    """Return the stored path if the text names a file on the disk, else the text itself."""
    from wkmp_orm.paths import path_under_root, stored_path  # noqa: PLC0415

    if not os.path.lexists(what):
        return what
    try:
        return stored_path(path_under_root(Path(what), library.root), library.root)
    except ConfigurationError:  # it is outside the root, or the library has no root
        return what
