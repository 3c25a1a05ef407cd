"""Decoders that are somebody else's: the workers of an executor, on this machine or on others."""

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
"""What an executor calls a job that its workers die of, while it goes on with the others: dask
gives up a job that has killed several workers one after the other."""

_MOST_NAMED: Final = 5


class ElsewhereDecoders:
    """Has functions called by the workers of an executor. Any thread may call `run`.

    The executor is its owner's, who starts and ends it. Its workers must have this package, of the
    same version, and see the files.
    """

    def __init__(self, executor: Executor, paths: Mapping[str, str] | None = None) -> None:
        """Prepare; `paths` are folders here, each with where its files lie for the workers.

        Raises ConfigurationError for a folder that is no absolute path.
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
        """Call `function(*args, **kwargs, cancelled=...)` in a worker and return its answer.

        Paths among the arguments are those of the workers there. `begun` is called once a worker
        has the job, as far as the executor tells. A job that is cancelled is called off if it waits
        still; one that a worker has begun goes on to its end there, and nobody waits for it.

        Raises what the function raises; SoundFileError when workers die of it;
        AnalysisCancelledError; ConfigurationError when the executor cannot call anything any more.
        """
        with self._noted([*args, *kwargs.values()]):
            job = Job(function, tuple(map(self._there, args)), self._all_there(kwargs))
            # A job like an earlier one is another one: dask would answer it with what it remembers.
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
        """Return what the function answered: anything that is raised is the executor's."""
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
        """Return what it means that the executor fails, and not what it calls."""
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
        """Return a path as the workers know it, and anything else as it is."""
        if not isinstance(value, Path):
            return value
        for here, there in self._folders:
            if value.is_relative_to(here):
                return there / value.relative_to(here)
        return value


def carry_out(payload: bytes, _token: str) -> bytes:
    """Do a job in a worker, and return its answer pickled, whatever it returned or raised."""
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
