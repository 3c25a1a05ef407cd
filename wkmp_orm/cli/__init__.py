"""The command line, `wkmp-orm`: imports music, shows a library, maintains schema and settings.

It handles terminals, signals and exit codes; other packages decide about music and databases.

    0    done
    1    done, but some files could not be imported (each is named with its reason), or `db check`
         found differences
    2    could not start or continue: the message says why and what to do
    130  stopped; everything committed is whole, and the same command continues from there
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import click

from wkmp_orm import __version__
from wkmp_orm.cli.advice import spelled
from wkmp_orm.cli.command_group import CommandGroup
from wkmp_orm.cli.stopping import SIGNALS
from wkmp_orm.cli.terminal import WarningHandler, say_error
from wkmp_orm.core.engine.place import is_database_url
from wkmp_orm.errors import WkmpOrmError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

CANNOT: Final = 2
INTERRUPTED: Final = 130

NOT_UNDERSTOOD: Final = (
    "invalid arguments; they are not repeated here, because they may contain a password or a key."
    " Give a database's URL after --database, and a setting's value after its name, in quotes if it"
    " has spaces; see the command's --help"
)

logger = logging.getLogger("wkmp_orm.cli")


@click.group(
    cls=CommandGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="wkmp-orm")
@click.option("-v", "--verbose", is_flag=True, help="Print the log and every traceback.")
def commands(*, verbose: bool) -> None:
    """Import music into a database that all WKMP services can read."""
    root = logging.getLogger()
    root.handlers = [WarningHandler(verbose=verbose)]
    root.setLevel(logging.WARNING)
    logging.getLogger("wkmp_orm").setLevel(logging.DEBUG if verbose else logging.WARNING)
    # Nobody needs to act on a wait for a lock, and the summary shows the longest one.
    logging.getLogger("wkmp_orm.monitor").setLevel(logging.NOTSET if verbose else logging.ERROR)
    # It warns about each tag that it cannot read, with the tag's content but no file name.
    logging.getLogger("mediafile").setLevel(logging.CRITICAL)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit the process with its exit code.

    `arguments` are those after the program's name, by default the process's own.
    """
    _forget_the_current_folder()
    for stream in (sys.stdout, sys.stderr):
        # A file name may contain characters that the terminal's or log's encoding lacks.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                signal.signal(number, _interrupt)
        code = _run(arguments)
    except KeyboardInterrupt:  # before or after everything that the command does
        code = _interrupted()
    sys.exit(code)


def _forget_the_current_folder() -> None:
    """Remove the current folder, which may contain untrusted music, from sys.path and PATH.

    An empty entry of PYTHONPATH or PATH means the current folder. Libraries start programs by their
    bare names; ctypes, for example, starts `gcc` to find a library.
    """
    programs = [folder for folder in os.get_exec_path() if Path(folder).is_absolute()]
    os.environ["PATH"] = os.pathsep.join(programs)
    try:
        current = os.path.realpath(os.getcwd())  # noqa: PTH109  compared as text
    except FileNotFoundError:  # it was deleted
        return
    sys.path[:] = [each for each in sys.path if os.path.realpath(each) != current]


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code = commands.main(arguments, prog_name="wkmp-orm", standalone_mode=False)
    except (KeyboardInterrupt, click.Abort):
        return _interrupted()
    except Exception as error:  # noqa: BLE001  a person gets any error as one line
        if _hides_an_interrupt(error):
            return _interrupted()
        return _failed(error, sys.argv[1:] if arguments is None else arguments)
    return code if isinstance(code, int) else 0


def _failed(error: Exception, arguments: Sequence[str]) -> int:
    if isinstance(error, click.ClickException):
        # Not at the top: it imports SQLAlchemy, which `--help` does not need.
        from wkmp_orm.settings import SETTINGS  # noqa: PLC0415

        secret = {key.name for key in SETTINGS.values() if key.secret}
        if any(is_database_url(each) or each in secret for each in arguments):
            # Click repeats an argument that it cannot parse, which may be a password or a key.
            say_error(NOT_UNDERSTOOD)
        else:
            error.show()
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        # The reader of the output is gone, so nobody would see a message. Python would try to flush
        # the output again at exit.
        sys.stdout = None
        return CANNOT
    logger.debug("traceback", exc_info=error)
    if isinstance(error, WkmpOrmError):
        notes = getattr(error, "__notes__", ())
        say_error("\n".join([error.for_people(spelled), *notes]))
    else:
        say_error(f"unexpected {type(error).__name__}: {error}. --verbose prints the traceback")
    return CANNOT


def _interrupted() -> int:
    say_error("interrupted")
    return INTERRUPTED


def _hides_an_interrupt(error: BaseException | None) -> bool:
    """Return whether an error was raised while code cleaned up after a KeyboardInterrupt."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
