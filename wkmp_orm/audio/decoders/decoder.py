"""One decoder as its parent sees it: a process that is given a job, and answers or dies."""

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
"""How often a waiting thread looks up whether it is cancelled."""
PATIENCE_S: Final = 1.0
"""How long beyond its interval a cancelled decoder may compute on before it is killed."""
END_WITHIN_S: Final = 5.0

# The package's own __init__ would bring SQLAlchemy: 0.6 s of computing and 40 MB for each decoder.
# What is imported below the package is found without it.
# Nothing is imported before the path is set but what is built in.
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

# There are as many decoders as there are processors; a library that starts threads of its own
# takes the processor from the next decoder.
_ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class DecoderDiedError(Exception):
    """The process ended in the middle of a job; the message says by what."""


class Decoder:
    """A decoder process. One thread at a time uses it."""

    def __init__(self) -> None:
        """Start the process. Raises ConfigurationError when it cannot be started."""
        source = _PROGRAM.format(path=module_folders(), folder=str(PACKAGE))
        shown = logger.isEnabledFor(logging.DEBUG)
        try:
            self._process = subprocess.Popen(  # noqa: S603  our own program
                [_python(), *_isolated(), "-c", source],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # What codecs print of damaged files would be printed across the progress display.
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
        """The number of its process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether its process runs."""
        return self._process.poll() is None

    def run(self, job: Job, cancelled: Callable[[], bool], *, interval_s: float) -> Any:
        """Return what the job's function returns there, or raise what it raises.

        A job that is cancelled looks that up every `interval_s` seconds. Raises
        AnalysisCancelledError; DecoderDiedError; ConfigurationError when the process never began.
        """
        payload = pickle.dumps(job)
        with suppress(OSError):  # it has died, and whatever it says last says so too
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
        """End the process and wait for that."""
        with suppress(OSError):
            self._jobs.close()
        try:
            self._process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the process at once."""
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
    """Return what a decoder's death means for the file that it had."""
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
    """Return the options that keep the current folder, and what variables add, off its path.

    `-c` alone would look for every module in the current folder first: an album's `types.py` was
    run so. An empty entry of PYTHONPATH means that folder, too, and its `sitecustomize.py` is run
    before anything else; so the variables are ignored, and what they say of file names is repeated.
    """
    options = ["-I", "-X", f"utf8={sys.flags.utf8_mode}"]
    return [*options, "-B"] if sys.dont_write_bytecode else options


def _apart() -> dict[str, Any]:
    """Return what keeps a terminal's Ctrl-C from the process: it is meant for the import."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}
