"""Runs decoder jobs in another program's executor, on this machine or on others."""

from __future__ import annotations

import logging
import pickle
import threading
from concurrent.futures import BrokenExecutor, CancelledError, wait
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from wkmp_orm.audio.decoders.decoder import LOOKED_UP_EVERY_S, DecoderDiedError, death_of
from wkmp_orm.audio.decoders.messages import Job, answered
from wkmp_orm.errors import AnalysisCancelledError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from concurrent.futures import Executor, Future

    from wkmp_orm.audio.decoders.messages import Answer

logger = logging.getLogger("wkmp_orm.audio")

_OF_ONE_JOB: Final = frozenset({"KilledWorker"})
"""Exceptions of executors that go on after a job has killed its workers: dask gives up a job that
has killed several workers one after the other."""

_MOST_NAMED: Final = 5


class ElsewhereDecoders:
    """Calls functions in the workers of an executor. Any thread may call `run`.

    The owner of the executor starts and ends it. Its workers must have the same version of this
    package, and access to the files.
    """

    def __init__(self, executor: Executor, paths: Mapping[str, str] | None = None) -> None:
        """Store the executor; `paths` maps local folders to the workers' folders.

        Raises ConfigurationError for a folder that is not an absolute path.
        """
        self._executor = executor
        self._folders = sorted(
            ((_absolute(here), _absolute(there)) for here, there in (paths or {}).items()),
            key=lambda pair: len(pair[0].parts),
            reverse=True,  # the innermost folder decides
        )
        self._lock = threading.Lock()
        self._under_way: dict[int, list[str]] = {}
        self._suspects: str | None = None

    def run(
        self,
        function: Callable[..., Any],
        *args: Any,
        cancelled: Callable[[], bool],
        begun: Callable[[], object] = bool,
        **kwargs: Any,
    ) -> Any:
        """Call `function(*args, **kwargs, cancelled=...)` in a worker and return its result.

        Paths among the arguments are translated to the workers' paths. `begun` is called when a
        worker has the job, if the executor reports that. If the job is cancelled, it is withdrawn
        while it waits; a worker that has begun finishes it, but this call does not wait.

        Raises what the function raises; SoundFileError if the job kills its workers;
        AnalysisCancelledError; ConfigurationError if the executor no longer works.
        """
        with self._noted([*args, *kwargs.values()]):
            job = Job(function, tuple(map(self._there, args)), self._all_there(kwargs))
            # A random token: dask would answer an equal job with an earlier result.
            future = self._submitted(pickle.dumps(job), uuid4().hex)
            waits = True
            while not future.done():
                wait((future,), LOOKED_UP_EVERY_S)
                if waits and (future.running() or future.done()):
                    waits = False
                    begun()
                if not future.done() and cancelled():
                    future.cancel()
                    raise AnalysisCancelledError("cancelled; a worker that has begun goes on alone")
            return self._answer(future, cancelled).result()

    def close(self) -> None:
        """Do nothing: the executor's owner ends it."""

    def _submitted(self, payload: bytes, token: str) -> Future[bytes]:
        try:
            return self._executor.submit(carry_out, payload, token)
        except Exception as error:
            raise self._useless(error) from error

    def _answer(self, future: Future[bytes], cancelled: Callable[[], bool]) -> Answer:
        """Return the function's answer; what this raises comes from the executor."""
        try:
            answer: Answer = pickle.loads(future.result())  # noqa: S301  from our function
        except CancelledError as error:
            if cancelled():
                raise AnalysisCancelledError("cancelled by the executor") from error
            raise self._useless(error) from error
        except Exception as error:
            name = type(error).__name__
            if name not in _OF_ONE_JOB:
                raise self._useless(error) from error
            died = DecoderDiedError(name)
            died.__cause__ = error
            logger.warning("the executor's workers died of a file: %s", error)
            raise death_of(died) from died
        return answer

    def _useless(self, error: BaseException) -> ConfigurationError:
        """Return the error for a failure of the executor itself, not of the function."""
        why = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        if isinstance(error, BrokenExecutor):
            with self._lock:
                if self._suspects is None:
                    self._suspects = self._named()
            remedy = (
                "a worker that ends takes this kind of executor with it. Give a new one; without an"
                " executor, a file that kills its decoder fails alone. What was being read:"
                f" {self._suspects}"
            )
        else:
            remedy = (
                "see that it runs, and that its workers have this version of wkmp_orm with the"
                " 'audio' extra"
            )
        return ConfigurationError(f"the executor cannot decode any more ({why}): {remedy}")

    @contextmanager
    def _noted(self, arguments: list[Any]) -> Iterator[None]:
        me = threading.get_ident()
        with self._lock:
            self._under_way[me] = [str(each) for each in arguments if isinstance(each, Path)]
        try:
            yield
        finally:
            with self._lock:
                del self._under_way[me]

    def _named(self) -> str:
        paths = sorted({path for those in self._under_way.values() for path in those})
        more = f" and {len(paths) - _MOST_NAMED} more" if len(paths) > _MOST_NAMED else ""
        return ", ".join(paths[:_MOST_NAMED]) + more

    def _all_there(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._there(value) for name, value in kwargs.items()}

    def _there(self, value: Any) -> Any:
        """Return a path as the workers see it, and any other value unchanged."""
        if not isinstance(value, Path):
            return value
        for here, there in self._folders:
            if value.is_relative_to(here):
                return there / value.relative_to(here)
        return value


def carry_out(payload: bytes, _token: str) -> bytes:
    """Run a job in a worker, and return its pickled answer: a result or an exception."""
    return answered(partial(_call, payload))


def _call(payload: bytes) -> Any:
    job: Job = pickle.loads(payload)  # noqa: S301  from an import of this package
    return job.function(*job.args, **job.kwargs, cancelled=_never)


def _never() -> bool:
    return False


def _absolute(folder: str) -> Path:
    path = Path(folder)
    if not path.is_absolute():
        raise ConfigurationError(f"paths: {folder!r} is no absolute path of a folder")
    return path
