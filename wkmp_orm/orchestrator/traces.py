"""Reports spans and metrics for each file and its phases to `Library.tracing`.

A file is named by its guid, because its path should not leave its machine.
"""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from wkmp_orm.core.spans import Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wkmp_orm.core.spans import Tracing, Value
    from wkmp_orm.orchestrator.file_in_progress import FileInProgress

_SECONDS: Final = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 300.0)
"""From a phase that writes a row up to one that decodes an audio book."""

PHASE_DURATION: Final = Metric(
    "wkmp_orm.import.phase.duration",
    "histogram",
    "s",
    "How long a file was in a phase, with its waits for a decoder and for its turn to write.",
    _SECONDS,
)
DECODER_WAIT: Final = Metric(
    "wkmp_orm.import.decoder.wait",
    "histogram",
    "s",
    "How long a file waited for a decoder that is free.",
    _SECONDS,
)
FILES: Final = Metric(
    "wkmp_orm.import.files",
    "counter",
    "{file}",
    "Files that are through, by what became of them.",
)
IMPORT_METRICS: Final = (PHASE_DURATION, DECODER_WAIT, FILES)

PHASE: Final = "wkmp_orm.phase"
GUID: Final = "wkmp_orm.file.guid"
OUTCOME: Final = "wkmp_orm.file.outcome"


@contextmanager
def traced_file(file: FileInProgress) -> Iterator[None]:
    """Trace a file from its first phase to its last. The span's `thread.name` is the worker."""
    tracing = file.context.library.tracing
    attributes: dict[str, Value] = {
        GUID: file.guid,
        "thread.name": threading.current_thread().name,
        "file.extension": file.place.suffix.lstrip(".").lower(),
        "file.size": file.matched.found.size_bytes,
    }
    with tracing.span("file", attributes) as span:
        yield
        if file.failure is not None:
            span.fail(file.failure)
        if file.outcome:
            span.set({OUTCOME: file.outcome})
            tracing.record(FILES, 1, {OUTCOME: file.outcome})


@contextmanager
def traced_phase(file: FileInProgress, phase: str) -> Iterator[None]:
    """Trace a phase of a file; the span is named after the phase."""
    tracing = file.context.library.tracing
    began = time.perf_counter()
    try:
        with tracing.span(phase, {PHASE: phase}) as span:
            yield
            if file.failure is not None:
                span.fail(file.failure)
    finally:
        tracing.record(PHASE_DURATION, time.perf_counter() - began, {PHASE: phase})


@contextmanager
def traced_decoder(tracing: Tracing) -> Iterator[Callable[[], None]]:
    """Trace the wait for a decoder, and its work from the call of the yielded function."""
    began = time.perf_counter()
    with ExitStack() as span:
        span.enter_context(tracing.span("decoder.wait", {}))

        def begun() -> None:
            span.close()
            tracing.record(DECODER_WAIT, time.perf_counter() - began, {})
            span.enter_context(tracing.span("decode", {}))

        yield begun
