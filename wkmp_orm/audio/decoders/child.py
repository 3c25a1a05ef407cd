"""The main function of a decoder process, which calls the functions that its parent sends."""

from __future__ import annotations

import os
import pickle
import queue
import signal
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from wkmp_orm.audio.decoders.messages import Kind, answered, receive, send

if TYPE_CHECKING:
    from typing import BinaryIO

    from wkmp_orm.audio.decoders.messages import Job


def main() -> NoReturn:
    """Call functions until standard input ends, which also happens when the parent dies."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # When a user stops the parent, it still finishes its files, for which it needs us. Not
        # SIG_IGN: programs that a function starts would inherit that.
        signal.signal(number, _stay)
    jobs, answers = _take_pipes()
    waiting: queue.SimpleQueue[tuple[bytes, threading.Event]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(jobs, waiting), daemon=True).start()
    send(answers, Kind.READY)
    while True:
        payload, cancel = waiting.get()
        send(answers, Kind.ANSWER, answered(partial(_call, payload, cancel)))


def _call(payload: bytes, cancel: threading.Event) -> Any:
    job: Job = pickle.loads(payload)  # noqa: S301  from our parent
    return job.function(*job.args, **job.kwargs, cancelled=cancel.is_set)


def _listen(jobs: BinaryIO, waiting: queue.SimpleQueue[tuple[bytes, threading.Event]]) -> NoReturn:
    cancel = threading.Event()
    while True:
        try:
            kind, payload = receive(jobs)
        except EOFError:
            # Nothing reads an answer, and there is nothing to clean up. A normal exit would wait
            # for the running computation.
            os._exit(0)
        if kind is Kind.CANCEL:
            cancel.set()
        else:
            cancel = threading.Event()
            waiting.put((payload, cancel))


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Move the pipes away from stdin and stdout, so that C libraries print to stderr instead."""
    sys.stdout.flush()
    jobs, answers = os.dup(0), os.dup(1)
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123  a device, no path
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return os.fdopen(jobs, "rb", buffering=0), os.fdopen(answers, "wb", buffering=0)


def _stay(_signal: int, _frame: object) -> None:
    return
