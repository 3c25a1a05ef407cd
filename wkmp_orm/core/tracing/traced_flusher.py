"""A flusher that traces units of work as spans, with their statements as children."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wkmp_orm.core.engine.faults import code_of
from wkmp_orm.core.flush.flush import Flusher
from wkmp_orm.core.tracing.traced_senders import traced_sender_of
from wkmp_orm.core.tracing.traced_writer import OpenUnit, TracedWriter, open_unit
from wkmp_orm.core.tracing.write_metrics import OUTCOME, PHASE

if TYPE_CHECKING:
    from wkmp_orm.core.engine.async_commits import CancelToken
    from wkmp_orm.core.engine.monitor import WriteReport
    from wkmp_orm.core.flush.changes import Changes


class TracedFlusher(Flusher):
    """Flushes like `Flusher`, and traces it."""

    def __init__(self, writer: TracedWriter) -> None:
        """Write through a writer that is traced too."""
        super().__init__(writer)
        self._tracing = writer.tracing
        self._described = writer.described
        self._new_sender = traced_sender_of(writer)

    def flush(
        self, changes: Changes, *, phase: str, caller: str, cancel_token: CancelToken | None = None
    ) -> WriteReport:
        """Write the changes like `Flusher.flush`, in a span."""
        attributes = {**self._described, PHASE: phase}
        if caller != phase:
            attributes["wkmp_orm.caller"] = caller
        with self._tracing.span("unit_of_work", attributes) as span:
            token = open_unit.set(OpenUnit(phase, caller, span))
            try:
                report = super().flush(
                    changes, phase=phase, caller=caller, cancel_token=cancel_token
                )
            except BaseException as error:
                if code := code_of(error.__cause__ or error):
                    span.set({"db.response.status_code": code})
                raise
            finally:
                open_unit.reset(token)
            if not report.attempts:  # the writer reported nothing
                span.set({OUTCOME: report.outcome})
            return report
