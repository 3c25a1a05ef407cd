"""Draws bars, and an import as a time line, as SVG for a page.

Matplotlib draws them. Its colours are replaced by variables of the page's style, which has values
for light and dark. Text stays text, in the page's own font.
"""

from __future__ import annotations

import io
import re
import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from wkmp_orm.report.trace import KINDS, PIECES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from wkmp_orm.report.trace import Trace

INK: Final = "#0a0b0c"
LINE: Final = "#0a0b0d"
BAR: Final = "#0a0b0e"
FAILED: Final = "#0a0b0f"
KIND_COLOURS: Final = tuple(f"#0a0c0{number}" for number in range(len(KINDS)))
VARIABLES: Final = {
    INK: "var(--ink)",
    LINE: "var(--line)",
    BAR: "var(--bar)",
    FAILED: "var(--failed)",
    **{colour: f"var(--kind-{number})" for number, colour in enumerate(KIND_COLOURS)},
}
NARROW: Final = 3.5
WIDE: Final = 10.5
"""Inches, for a phone and for a screen, with the same size of text."""

_one_at_a_time: Final = threading.Lock()  # Matplotlib's settings are global to the process


def bars(values: Mapping[str, float], name: str, unit: str = "") -> str:
    """Draw a horizontal bar for each value, the first one on top. The labels are our own words."""
    figure = Figure(figsize=(NARROW, 0.25 + 0.26 * len(values)), layout="constrained")
    axes = _plain_axes(figure)
    drawn = axes.barh(range(len(values)), list(values.values()), color=BAR, height=0.66)
    labels = [f"{value:,.0f}{unit}" for value in values.values()]
    axes.bar_label(drawn, labels, padding=3, color=INK, fontsize=8)
    axes.set_yticks(range(len(values)), list(values))
    axes.invert_yaxis()
    axes.xaxis.set_visible(False)
    axes.margins(x=0.22)
    return _svg(figure, name)


def columns(values: Mapping[int, int], name: str, title: str) -> str:
    """Draw a column for each number, for example per year."""
    figure = Figure(figsize=(NARROW, 1.7), layout="constrained")
    axes = _plain_axes(figure)
    axes.bar(list(values), list(values.values()), color=BAR, width=0.9 * _step(values))
    axes.set_title(title, color=INK, fontsize=8, loc="left")
    axes.yaxis.set_major_locator(mpl.ticker.MaxNLocator(4, integer=True))
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5, integer=True))
    return _svg(figure, name)


def _step(values: Mapping[int, int]) -> int:
    numbers = sorted(values)
    return min((b - a for a, b in pairwise(numbers)), default=1)


def phases(trace: Trace, name: str) -> str:
    """Draw the total time of all files in each phase, divided by `trace.KINDS`."""
    figure = Figure(figsize=(NARROW, 0.6 + 0.26 * len(trace.phases)), layout="constrained")
    axes = _plain_axes(figure)
    rows = range(len(trace.phases))
    left = [0.0] * len(trace.phases)
    for kind, colour in enumerate(KIND_COLOURS):
        seconds = [told[kind] for told in trace.phases.values()]
        axes.barh(rows, seconds, left=left, color=colour, height=0.66)
        left = [one + more for one, more in zip(left, seconds, strict=True)]
    axes.set_yticks(rows, [phase.replace("_", " ") for phase in trace.phases])
    axes.invert_yaxis()
    axes.set_xlabel("seconds, of all workers together", color=INK, fontsize=8)
    return _svg(figure, name)


def time_line(trace: Trace, name: str, width: float) -> str:
    """Draw a line for each worker: what it did when, with a cross where a file failed."""
    lanes = list(trace.lanes.values())
    figure = Figure(figsize=(width, 0.6 + 0.3 * max(1, len(lanes))), layout="constrained")
    axes = _plain_axes(figure)
    length = trace.seconds / PIECES
    for row, lane in enumerate(lanes):
        runs: dict[int, list[tuple[float, float]]] = {}
        for kind, start, end in lane.runs():
            runs.setdefault(kind, []).append((start * length, (end - start) * length))
        for kind, spans in runs.items():
            axes.broken_barh(spans, (row - 0.36, 0.72), facecolors=KIND_COLOURS[kind], linewidth=0)
        when = [share * trace.seconds for share in lane.failures]
        axes.plot(when, [row] * len(when), "x", color=FAILED, markersize=6, markeredgewidth=2)
    axes.set_yticks(range(len(lanes)), [lane.name.rpartition("-")[2] for lane in lanes])
    axes.set_ylim(len(lanes) - 0.4, -0.6)
    axes.set_xlim(0, trace.seconds or 1)
    axes.set_xlabel("seconds since the import began; a line for each worker", color=INK, fontsize=8)
    return _svg(figure, name)


def _plain_axes(figure: Figure) -> Axes:
    axes: Axes = figure.add_subplot()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    axes.tick_params(colors=INK, labelsize=8, length=0)
    return axes


def _svg(figure: Figure, name: str) -> str:
    """Return the picture as an HTML element; `name` keeps its ids apart from other pictures'."""
    text = io.StringIO()
    with _one_at_a_time, mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        FigureCanvasSVG(figure)
        figure.patch.set_visible(False)
        for axes in figure.axes:
            axes.patch.set_visible(False)
        figure.savefig(text, format="svg")
    picture = text.getvalue()
    picture = picture[picture.index("<svg ") :]
    picture = re.sub(r"<metadata>.*?</metadata>", "", picture, flags=re.DOTALL)
    # The page sets the size; without these attributes the picture keeps its proportions.
    picture = re.sub(r'(<svg [^>]*?) width="[^"]*"', r"\1", picture, count=1)
    picture = re.sub(r'(<svg [^>]*?) height="[^"]*"', r"\1", picture, count=1)
    for colour, variable in VARIABLES.items():
        picture = picture.replace(colour, variable)
    return picture.replace("<svg ", '<svg aria-hidden="true" ', 1)
