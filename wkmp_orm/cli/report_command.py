"""`wkmp-orm report`: writes a page about a library, to view in a browser."""

from __future__ import annotations

import click

from wkmp_orm.cli.options import database_option, existing_database
from wkmp_orm.cli.terminal import printable


@click.command("report", short_help="Write a page about a library, to look at in a browser.")
@click.argument("file")
@click.option(
    "--trace",
    metavar="TRACE",
    help="What `import --trace TRACE` wrote: shows that import as a time line.",
)
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@database_option
def report_command(file: str, trace: str | None, database: str | None, *, force: bool) -> None:
    """Write FILE, one HTML page with the library in numbers and pictures.

    It needs no network and no other file. Only you can read it.
    """
    from wkmp_orm.library import Library  # noqa: PLC0415
    from wkmp_orm.report import write_report  # noqa: PLC0415

    with Library.open(existing_database(None, database), read_only=True) as library:
        place = write_report(library, file, trace=trace, overwrite=force)
    click.echo(f"{printable(str(library.target))} is told in {printable(str(place))}")
