"""Draws docs/pipeline.svg from the import's own steps: what each phase needs and what it writes.

Knows no page. Which phases there are, and in which order, is read; what is said of one is here.
"""

from __future__ import annotations

from typing import Final, NamedTuple
from xml.sax.saxutils import escape

from wkmp_orm import Phase
from wkmp_orm.orchestrator import STEPS


class Said(NamedTuple):
    """What a phase works with, where it does so, and the tables that it writes."""

    works: str
    where: str
    writes: str


WORKER, DECODER, NETWORK = "worker", "decoder", "network"

SAID: Final[dict[str, Said]] = {
    Phase.SCANNING: Said("names, sizes, times", WORKER, "files"),
    Phase.FILENAME_MATCHING: Said("rows of those names", WORKER, "files"),
    Phase.HASH_DEDUPLICATION: Said("SHA-256 of the bytes", WORKER, "files"),
    Phase.METADATA_EXTRACTION: Said("tags", WORKER, "files"),
    Phase.SEGMENTATION: Said("decodes the sound, once", DECODER, "files, if it is silent"),
    Phase.FINGERPRINTING: Said("asks AcoustID", NETWORK, "service_answers, acoustid_cache"),
    Phase.SONG_MATCHING: Said("weighs, asks MusicBrainz", NETWORK, "service_answers"),
    Phase.RECORDING: Said(
        "what is known so far", WORKER, "passages, songs, artists, albums, links"
    ),
    Phase.AMPLITUDE: Said("lead-in, lead-out", WORKER, "passages"),
    Phase.FLAVORING: Said("documents, or computes", DECODER, "songs"),
    Phase.FINALIZATION: Said("is all of it settled?", WORKER, "files"),
}
ENDS: Final = {
    Phase.FILENAME_MATCHING: "unchanged: nothing to do",
    Phase.HASH_DEDUPLICATION: "DUPLICATE HASH",
    Phase.SEGMENTATION: "NO AUDIO",
    Phase.FINALIZATION: "INGEST COMPLETE",
}

COLOURS: Final = {WORKER: "#e9eef6", DECODER: "#fdeedd", NETWORK: "#e2f3ea"}
MEANING: Final = {
    WORKER: "in a worker's thread",
    DECODER: "in a decoder process",
    NETWORK: "waits for a web service",
}

MARGIN, ROW, BOX = 24, 58, 38
PHASE_AT, PHASE_WIDTH = 24, 250
WRITE_AT, WRITE_WIDTH = 352, 300
END_AT = 690
WIDTH: Final = 900

STYLE: Final = """
text { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
       fill: #2b323c }
.title { font-weight: 700; fill: #1c2430 }
.quiet { fill: #5b6675 }
.box { stroke: #cfd6df }
.table { fill: #ffffff; stroke: #2f6fdb }
path { fill: none; stroke: #5b6675; stroke-width: 1.4 }
"""


def draw_pipeline() -> str:
    """Return the picture as SVG."""
    phases = [Phase.SCANNING, Phase.FILENAME_MATCHING, *(step.phase for step in STEPS)]
    below = MARGIN + 26 + ROW * len(phases)
    height = below + 70
    name = 'role="img" aria-label="The phases of an import and what each writes"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {name}>',
        f"<style>{STYLE}</style>",
        # Its own paper, so that it can be read in a dark theme as well.
        f'<rect width="{WIDTH}" height="{height}" rx="10" fill="#f8fafc"/>',
        _text(PHASE_AT, MARGIN + 8, "a phase, and what it works with", "quiet"),
        _text(WRITE_AT, MARGIN + 8, "its one transaction, if it has changes", "quiet"),
        _text(END_AT, MARGIN + 8, "where a file may end", "quiet"),
    ]
    for number, phase in enumerate(phases):
        top = MARGIN + 26 + ROW * number
        parts += _phase(phase, top)
        if number + 1 < len(phases):
            parts.append(_arrow_down(PHASE_AT + 30, top + BOX, top + ROW))
    parts += _legend(below + 14)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _phase(phase: str, top: int) -> list[str]:
    said = SAID[phase]
    middle = top + BOX / 2
    parts = [
        _box("box", (PHASE_AT, top), (PHASE_WIDTH, BOX), f'rx="6" fill="{COLOURS[said.where]}"'),
        _text(PHASE_AT + 10, top + 16, phase.replace("_", " "), "title"),
        _text(PHASE_AT + 10, top + 31, said.works, "quiet"),
        _arrow_right(PHASE_AT + PHASE_WIDTH, WRITE_AT, middle),
        _box("table", (WRITE_AT, top + 7), (WRITE_WIDTH, BOX - 14), 'rx="12"'),
        _text(WRITE_AT + 12, round(middle + 4), said.writes),
    ]
    if phase in ENDS:
        parts.append(_arrow_right(WRITE_AT + WRITE_WIDTH, END_AT - 4, middle))
        parts.append(_text(END_AT + 4, round(middle + 4), ENDS[Phase(phase)], "title"))
    return parts


def _box(kind: str, at: tuple[int, int], size: tuple[int, int], more: str) -> str:
    (x, y), (width, height) = at, size
    return f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" {more}/>'


def _text(x: int, y: int, words: str, kind: str = "") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text{style} x="{x}" y="{y}">{escape(words)}</text>'


def _arrow_down(x: int, top: int, bottom: int) -> str:
    return f'<path d="M{x} {top}V{bottom - 1}m-4 -7l4 7l4 -7"/>'


def _arrow_right(left: int, right: int, y: float) -> str:
    return f'<path d="M{left} {y:g}H{right - 1}m-7 -4l7 4l-7 4"/>'


def _legend(top: int) -> list[str]:
    parts, x = [], PHASE_AT
    for where, meaning in MEANING.items():
        parts.append(_box("box", (x, top), (18, 14), f'rx="3" fill="{COLOURS[where]}"'))
        parts.append(_text(x + 26, top + 12, meaning, "quiet"))
        x += 60 + round(7.3 * len(meaning))
    note = "Nothing is read, decoded, computed or waited for with a transaction open."
    return [*parts, _text(PHASE_AT, top + 38, note)]
