"""The parent's side of one decoder process, which gets a job and answers it or dies."""

from __future__ import annotations

import logging
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from multiprocessing.spawn import get_executable
from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.audio.decoders.messages import Kind, receive, send
from wkmp_orm.audio.trusted import PACKAGE, module_folders, program
from wkmp_orm.errors import AnalysisCancelledError, ConfigurationError, SoundFileError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wkmp_orm.audio.decoders.messages import Answer, Job

logger = logging.getLogger("wkmp_orm.audio")

LOOKED_UP_EVERY_S: Final = 0.05
"""How often a waiting thread calls `cancelled`."""
PATIENCE_S: Final = 1.0
"""How long after its interval a cancelled decoder may go on computing before it is killed."""
END_WITHIN_S: Final = 5.0

# Importing the package's __init__ would import SQLAlchemy: 0.6 s of CPU and 40 MB per decoder. So
# an empty module stands in for the package, below which submodules are found as usual.
# Before the path is set, only built-in modules are imported.
_PROGRAM: Final = """\
import sys
sys.path[:] = {path!r}
import types
package = types.ModuleType("wkmp_orm")
package.__path__ = [{folder!r}]
sys.modules["wkmp_orm"] = package
from wkmp_orm.audio.decoders.child import main
main()
"""

# There are as many decoders as processors, so threads of numerical libraries would only take CPU
# from other decoders.
_ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class DecoderDiedError(Exception):
    """The process ended during a job; the message gives the cause."""


class Decoder:
    """A decoder process. One thread at a time uses it."""

    def __init__(self) -> None:
        """Start the process. Raises ConfigurationError if it cannot be started."""
        source = _PROGRAM.format(path=module_folders(), folder=str(PACKAGE))
        shown = logger.isEnabledFor(logging.DEBUG)
        try:
            self._process = subprocess.Popen(  # noqa: S603  our own program
                [_python(), *_isolated(), "-c", source],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # Otherwise codecs' messages about damaged files would disturb the progress display.
                stderr=None if shown else subprocess.DEVNULL,
                cwd=PACKAGE,
                env=os.environ | _ONE_THREAD,
                **_apart(),
            )
        except OSError as error:
            raise _not_started(str(error)) from error
        assert self._process.stdin is not None  # noqa: S101  a pipe was asked for
        self._jobs = self._process.stdin
        self._messages: queue.SimpleQueue[tuple[Kind, bytes] | None] = queue.SimpleQueue()
        self._is_ready = False
        threading.Thread(
            target=self._listen, name=f"decoder-{self._process.pid}", daemon=True
        ).start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def run(self, job: Job, cancelled: Callable[[], bool], *, interval_s: float) -> Any:
        """Run a job in the process; return what its function returns, or raise what it raises.

        The function must call its `cancelled` every `interval_s` seconds. Also raises
        AnalysisCancelledError, DecoderDiedError, and ConfigurationError if the process never
        started.
        """
        payload = pickle.dumps(job)
        with suppress(OSError):  # it has died; the read below finds that out
            send(self._jobs, Kind.JOB, payload)
        deadline: float | None = None
        while True:
            try:
                message = self._messages.get(timeout=LOOKED_UP_EVERY_S)
            except queue.Empty:
                if deadline is None and cancelled():
                    deadline = time.monotonic() + interval_s + PATIENCE_S
                    with suppress(OSError):
                        send(self._jobs, Kind.CANCEL)
                elif deadline is not None and time.monotonic() > deadline:
                    self.kill()
                    raise AnalysisCancelledError("cancelled; the decoder did not heed it") from None
                continue
            if message is None:
                raise self._death()
            kind, payload = message
            if kind is Kind.ANSWER:
                answer: Answer = pickle.loads(payload)  # noqa: S301  from our child
                return answer.result()
            self._is_ready = True

    def close(self) -> None:
        """End the process, and wait until it has ended."""
        with suppress(OSError):
            self._jobs.close()
        try:
            self._process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.wait()
        with suppress(OSError):
            self._jobs.close()

    def _listen(self) -> None:
        pipe = self._process.stdout
        assert pipe is not None  # noqa: S101  a pipe was asked for
        with pipe, suppress(EOFError, OSError):
            while True:
                self._messages.put(receive(pipe))
        self._messages.put(None)

    def _death(self) -> Exception:
        self.close()
        code = self._process.returncode
        if not self._is_ready:
            return _not_started(f"it ended with exit code {code}")
        return DecoderDiedError(_cause(code))


def death_of(error: DecoderDiedError) -> SoundFileError:
    """Return the error for the file whose decoder died."""
    return SoundFileError(
        f"its decoding crashed ({error}): a damaged file can do that, and so can a lack of memory."
        " Play it to see whether it is whole; the next import tries it again"
    )


def _cause(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _not_started(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"a decoder process cannot be started ({why}): {_python()!r} must be a Python that"
        " has wkmp_orm; name it with multiprocessing.set_executable if it is another"
    )


def _python() -> str:
    given = os.fsdecode(get_executable())
    if os.path.dirname(given):  # noqa: PTH120  a path, and the process is started elsewhere
        return os.path.abspath(given)  # noqa: PTH100
    return program(given) or given


def _isolated() -> list[str]:
    """Return Python's options that keep the current folder and environment variables off its path.

    `-c` alone would search the current folder first for every module: an album's `types.py` was
    executed. An empty entry of PYTHONPATH also means that folder, and its `sitecustomize.py` runs
    first of all. So the variables are ignored, and their setting for file names is passed as an
    option.
    """
    options = ["-I", "-X", f"utf8={sys.flags.utf8_mode}"]
    return [*options, "-B"] if sys.dont_write_bytecode else options


def _apart() -> dict[str, Any]:
    """Return the options of `Popen` that keep a terminal's Ctrl-C from the process."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}
