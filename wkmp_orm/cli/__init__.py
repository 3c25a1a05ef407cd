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
import signal
import sys
import threading
from typing import TYPE_CHECKING, Final, NoReturn

import click

from wkmp_orm import __version__
from wkmp_orm.cli.db_command import db_command
from wkmp_orm.cli.import_command import import_command
from wkmp_orm.cli.retry_command import retry_command
from wkmp_orm.cli.settings_command import settings_command
from wkmp_orm.cli.status_command import status_command
from wkmp_orm.cli.terminal import WarningHandler, say_error
from wkmp_orm.errors import WkmpOrmError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

CANNOT: Final = 2
INTERRUPTED: Final = 130

logger = logging.getLogger("wkmp_orm.cli")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="wkmp-orm")
@click.option("-v", "--verbose", is_flag=True, help="Show what is logged, and every traceback.")
def commands(*, verbose: bool) -> None:
    """Import music into a database that all WKMP services can read."""
    root = logging.getLogger()
    root.handlers = [WarningHandler(verbose=verbose)]
    root.setLevel(logging.WARNING)
    logging.getLogger("wkmp_orm").setLevel(logging.DEBUG if verbose else logging.WARNING)
    # It warns of every tag that it cannot read, by the tag's content and without the file's name.
    logging.getLogger("mediafile").setLevel(logging.CRITICAL)


commands.add_command(import_command)
commands.add_command(status_command)
commands.add_command(retry_command)
commands.add_command(db_command)
commands.add_command(settings_command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave the process with its exit code.

    `arguments` are those behind the program's name, by default the process's own.
    """
    for stream in (sys.stdout, sys.stderr):
        # File names may have any character, and a terminal or a log may not.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code = commands.main(arguments, prog_name="wkmp-orm", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        say_error("interrupted")
        return INTERRUPTED
    except WkmpOrmError as error:
        logger.debug("the whole story", exc_info=True)
        say_error("\n".join([str(error), *getattr(error, "__notes__", ())]))
        return CANNOT
    except BrokenPipeError:
        # Whoever read our output has gone, so there is nobody to tell. Python would try once more
        # to flush it when it ends.
        sys.stdout = None
        return CANNOT
    except Exception as error:
        logger.debug("the whole story", exc_info=True)
        say_error(f"unexpected {type(error).__name__}: {error}. --verbose shows where")
        return CANNOT
    return code if isinstance(code, int) else 0


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
