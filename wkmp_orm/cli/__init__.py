"""The command line, `wkmp-orm`: imports music, tells what is there, keeps schema and settings.

Knows terminals, signals and exit codes; every decision about music or databases is made below.

    0    done
    1    done, but some files could not be imported (each is named with its reason), or `db check`
         found differences
    2    could not start, or could not go on: the message says why and what to do
    130  interrupted; what was committed is whole, and the same command goes on from there
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
    "the arguments cannot be understood; they are not repeated here, because they may hold a"
    " password or a key. A database's URL goes after --database, a setting's value after its name,"
    " in quotes if it has spaces; --help after the command says more"
)

logger = logging.getLogger("wkmp_orm.cli")


@click.group(
    cls=CommandGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="wkmp-orm")
@click.option("-v", "--verbose", is_flag=True, help="Show what is logged, and every traceback.")
def commands(*, verbose: bool) -> None:
    """Import music into a database that all WKMP services can read."""
    root = logging.getLogger()
    root.handlers = [WarningHandler(verbose=verbose)]
    root.setLevel(logging.WARNING)
    logging.getLogger("wkmp_orm").setLevel(logging.DEBUG if verbose else logging.WARNING)
    # Who waits for a lock can do nothing about it, and the summary has the longest wait.
    logging.getLogger("wkmp_orm.monitor").setLevel(logging.NOTSET if verbose else logging.ERROR)
    # It warns of every tag that it cannot read, by the tag's content and without the file's name.
    logging.getLogger("mediafile").setLevel(logging.CRITICAL)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave the process with its exit code.

    `arguments` are those behind the program's name, by default the process's own.
    """
    _forget_the_current_folder()
    for stream in (sys.stdout, sys.stderr):
        # File names may have any character, and a terminal or a log may not.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                signal.signal(number, _interrupt)
        code = _run(arguments)
    except KeyboardInterrupt:  # before or behind everything that the command does
        code = _interrupted()
    sys.exit(code)


def _forget_the_current_folder() -> None:
    """Import and start nothing more from it: it may be the music.

    An empty entry of PYTHONPATH or PATH means it. Libraries start programs by their bare names, as
    ctypes does with `gcc` where it looks for a library.
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
    except Exception as error:  # noqa: BLE001  whatever it is, people are told in a line
        if _hides_an_interrupt(error):
            return _interrupted()
        return _failed(error, sys.argv[1:] if arguments is None else arguments)
    return code if isinstance(code, int) else 0


def _failed(error: Exception, arguments: Sequence[str]) -> int:
    if isinstance(error, click.ClickException):
        # Not at the top: it brings SQLAlchemy, which `--help` does without.
        from wkmp_orm.settings import SETTINGS  # noqa: PLC0415

        secret = {key.name for key in SETTINGS.values() if key.secret}
        if any(is_database_url(each) or each in secret for each in arguments):
            # Click repeats what it cannot place, and that may be a password or a key.
            say_error(NOT_UNDERSTOOD)
        else:
            error.show()
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        # Whoever read our output has gone, so there is nobody to tell. Python would try once more
        # to flush it when it ends.
        sys.stdout = None
        return CANNOT
    logger.debug("the whole story", exc_info=error)
    if isinstance(error, WkmpOrmError):
        notes = getattr(error, "__notes__", ())
        say_error("\n".join([error.for_people(spelled), *notes]))
    else:
        say_error(f"unexpected {type(error).__name__}: {error}. --verbose shows where")
    return CANNOT


def _interrupted() -> int:
    say_error("interrupted")
    return INTERRUPTED


def _hides_an_interrupt(error: BaseException | None) -> bool:
    """Say whether an error arose while something was tidied up after a KeyboardInterrupt."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
