"""What tracing costs: `python -m tests.tracing.overhead`.

The same files are imported into new libraries, in turn with nobody listening and with
OpenTelemetry's SDK, whose spans go to an exporter in batches. Processor time is compared, round by
round: the clock on the wall says more of other programs. Decoders tell nothing, so what tracing
costs is in this process; it is compared with what the import takes it and its decoders together.
"""

from __future__ import annotations

import logging
import resource
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from tests.support.sound import make_sound, musicbrainz_tags, tag_sound
from wkmp_orm import Library
from wkmp_orm.core.spans import NO_TRACING
from wkmp_orm.core.tracing.open_telemetry import OpenTelemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from wkmp_orm.core.spans import Tracing

FILES: Final = 12


class Spelled(SpanExporter):
    """Spells each span as JSON, as an exporter does that sends it somewhere."""

    def __init__(self) -> None:
        """Begin with no span."""
        self.spans = 0
        self.bytes = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Spell spans and drop them."""
        self.spans += len(spans)
        self.bytes += sum(len(span.to_json(indent=None)) for span in spans)
        return SpanExportResult.SUCCESS


class Cost(NamedTuple):
    """Processor time: of this process, and with all that it has started and that has ended."""

    here_s: float
    together_s: float


def used() -> Cost:
    """Return the processor time so far."""
    here, there = (
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
    return Cost(here, here + there)


def cost_of_an_import(music: Path, tracing: Tracing, ended: Callable[[], object] = bool) -> Cost:
    """Import into a new library, call `ended`, and return what it took."""
    with tempfile.TemporaryDirectory() as folder:
        began = used()
        with Library.open(f"{folder}/wkmp.db", root=music, tracing=tracing) as library:
            # Essentia would take more than all the rest.
            summary = library.import_folder(music, workers=2, flavor_sources=[])
        ended()
        assert summary.counts.imported == FILES
        now = used()
        return Cost(now.here_s - began.here_s, now.together_s - began.together_s)


@click.command()
@click.option("--rounds", default=10, show_default=True)
@click.option("--seconds", default=60.0, show_default=True, help="How long each file is.")
def main(rounds: int, seconds: float) -> None:
    """Compare imports that nobody listens to with imports that are traced."""
    logging.disable(logging.CRITICAL)
    music = Path(tempfile.mkdtemp())
    for number in range(FILES):
        song = make_sound(music / f"{number}.flac", seconds=seconds, frequency=300 + 20 * number)
        tag_sound(song, **musicbrainz_tags(number))
    # Made once, as in a program: it takes 0.2 s to find out on which machine it is.
    exporter = Spelled()
    tracers = TracerProvider()
    tracers.add_span_processor(BatchSpanProcessor(exporter))
    listening = OpenTelemetry(tracers, MeterProvider(metric_readers=[InMemoryMetricReader()]))
    cost_of_an_import(music, NO_TRACING)
    cost_of_an_import(music, listening, tracers.force_flush)
    more_ms, shares = [], []
    for _ in range(rounds):
        plain = cost_of_an_import(music, NO_TRACING)
        before = exporter.spans
        traced = cost_of_an_import(music, listening, tracers.force_flush)
        more_ms.append((traced.here_s - plain.here_s) * 1000 / FILES)
        shares.append((traced.here_s - plain.here_s) / plain.together_s * 100)
        click.echo(
            f"a file takes {plain.together_s * 1000 / FILES:.0f} ms of a processor,"
            f" {plain.here_s * 1000 / FILES:.1f} here, and {more_ms[-1]:+.1f} ms with"
            f" {(exporter.spans - before) / FILES:.0f} spans: {shares[-1]:+.1f} %"
        )
    click.echo(
        f"median of {rounds}: {statistics.median(more_ms):+.1f} ms a file of {seconds:g} s,"
        f" {statistics.median(shares):+.1f} %"
    )
    shutil.rmtree(music)


if __name__ == "__main__":
    main()
