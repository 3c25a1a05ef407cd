"""Draws docs/schema.svg from the models: tables, their main columns, and which refers to which.

Knows no page and no database. Only where a table stands is chosen here; the rest is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final
from xml.sax.saxutils import escape

from wkmp_orm.core.table_info import TableInfo
from wkmp_orm.models.tables import TABLES

COLUMNS: Final = (
    ("files", "import_failures", "import_sessions", "import_members", "import_claims", "settings"),
    ("passages", "import_provenance", "acoustid_cache", "service_answers", "flush_ledger"),
    ("passage_albums", "passage_songs", "song_artists", "song_works"),
    ("albums", "songs", "artists", "works"),
)

ALWAYS_SHOWN: Final = ("status", "state")

WIDTH, GUTTER, MARGIN = 196, 76, 44
TITLE, ROW, PADDING = 26, 18, 6
LEGEND = 54
LANE = 11
"""Pixels between two lines that run side by side."""

KEY, NATURAL_KEY, USER_OWNED, OTHER = "#2f6fdb", "#1a8a5a", "#d9730d", "#b4bcc8"
CASCADE, SET_NULL = "#5b6675", "#9aa4b2"
FORMS: Final = {
    KEY: "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
    NATURAL_KEY: "m0 -4.6l4.6 4.6l-4.6 4.6l-4.6 -4.6z",
    USER_OWNED: "m-3.5 -3.5h7v7h-7z",
    OTHER: "m-2 0a2 2 0 1 0 4 0a2 2 0 1 0 -4 0z",
}

STYLE: Final = """
text { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
       fill: #2b323c }
.title { font-weight: 700; fill: #1c2430 }
.quiet { fill: #7b8594 }
.box { fill: #ffffff; stroke: #cfd6df }
path { fill: none; stroke-width: 1.4 }
"""


@dataclass(frozen=True)
class Box:
    """A table's place in the picture."""

    info: TableInfo
    column: int
    top: float
    rows: tuple[str, ...]

    @property
    def left(self) -> float:
        return MARGIN + self.column * (WIDTH + GUTTER)

    @property
    def height(self) -> float:
        return height_of(self.info)

    def height_at(self, column: str) -> float:
        """Return the vertical middle of a column's row."""
        return self.top + TITLE + PADDING / 2 + (self.rows.index(column) + 0.5) * ROW


def shown_columns(info: TableInfo) -> tuple[str, ...]:
    """Name the columns that are drawn: keys, references, statuses, and what a user owns."""
    main = {*info.key, *info.natural_key, *info.foreign_keys, *info.user_owned, *ALWAYS_SHOWN}
    names = [column.name for column in info.table.c if column.name in main]
    return tuple(sorted(names, key=lambda name: name not in info.key))


def height_of(info: TableInfo) -> float:
    """Return the height of a table's box: one row more where columns are left out."""
    shown = len(shown_columns(info))
    return TITLE + PADDING + ROW * (shown + (shown < len(info.columns)))


def draw_schema() -> str:
    """Return the picture as SVG."""
    boxes = _boxes()
    below = max(box.top + box.height for box in boxes.values())
    width = 2 * MARGIN + len(COLUMNS) * WIDTH + (len(COLUMNS) - 1) * GUTTER
    height = below + MARGIN / 2 + LEGEND
    name = 'role="img" aria-label="The tables and their references"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:g}" {name}>',
        f"<style>{STYLE}</style>",
        # Its own paper, so that it can be read in a dark theme as well.
        f'<rect width="{width}" height="{height:g}" rx="10" fill="#f8fafc"/>',
        *_references(boxes),
        *(part for box in boxes.values() for part in _table(box)),
        *_legend(below + MARGIN / 2, width),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _boxes() -> dict[str, Box]:
    heights = [sum(height_of(TABLES[name]) for name in names) for names in COLUMNS]
    full = max(
        total + ROW * 1.5 * (len(names) - 1) for total, names in zip(heights, COLUMNS, strict=True)
    )
    boxes: dict[str, Box] = {}
    for column, names in enumerate(COLUMNS):
        gap = (full - heights[column]) / (len(names) - 1)
        top = MARGIN / 2
        for name in names:
            info = TABLES[name]
            boxes[name] = Box(info, column, round(top), shown_columns(info))
            top += boxes[name].height + gap
    return boxes


def _table(box: Box) -> list[str]:
    info, left, top = box.info, box.left, box.top
    side = TITLE - 6.5  # inside the border, with round corners at the top
    head = f"M{left + 0.5} {box.top + TITLE}v{-side}q0 -6 6 -6h{WIDTH - 13}q6 0 6 6v{side}z"
    parts = [
        f'<rect class="box" x="{left}" y="{top}" width="{WIDTH}" height="{box.height}" rx="6"/>',
        f'<path d="{head}" style="fill:#e9eef6" stroke="none"/>',
        f'<text class="title" x="{left + 10}" y="{top + 17}">{info.name}</text>',
    ]
    for name in box.rows:
        middle = box.height_at(name)
        parts += [
            _mark(left + 13, middle, _kind(info, name)),
            f'<text x="{left + 24}" y="{middle + 4:g}">{name}</text>',
        ]
    more = len(info.columns) - len(box.rows)
    if more:
        bottom = top + box.height - PADDING / 2 - 5
        parts.append(
            f'<text class="quiet" x="{left + 24}" y="{bottom}">and {more} more</text>',
        )
    return parts


def _kind(info: TableInfo, column: str) -> str:
    if column in info.key:
        return KEY
    if column in info.natural_key:
        return NATURAL_KEY
    return USER_OWNED if column in info.user_owned else OTHER


def _mark(x: float, y: float, kind: str) -> str:
    """Draw the mark of a kind of column: told apart by its form as well as by its colour."""
    return f'<path d="M{x:g} {y:g}{FORMS[kind]}" style="fill:{kind}" stroke="none"/>'


def _references(boxes: dict[str, Box]) -> list[str]:
    lanes: dict[int, list[tuple[str, str]]] = {}
    parts = []
    for box in boxes.values():
        for column, parent in box.info.foreign_keys.items():
            foreign_key = next(iter(box.info.table.c[column].foreign_keys))
            deleted = str(foreign_key.ondelete)
            start, end = (box, box.height_at(column)), boxes[parent]
            points = _route(boxes, start, end, lanes, (parent, deleted))
            dash = ' stroke-dasharray="5 4"' if deleted == "SET NULL" else ""
            colour = SET_NULL if deleted == "SET NULL" else CASCADE
            parts.append(f'<path d="{_rounded(points)}" stroke="{colour}"{dash}/>')
            parts.append(_arrow(points, colour))
    return parts


def _route(
    boxes: dict[str, Box],
    start: tuple[Box, float],
    end: Box,
    lanes: dict[int, list[tuple[str, str]]],
    line: tuple[str, str],
) -> list[tuple[float, float]]:
    """Lead a line through the gutters; lines to one table by one rule share a lane."""
    child, y = start
    arrival = end.height_at(end.info.guid)
    if child.column == end.column:
        gutter = 0 if child.column == 0 else child.column + 1
        x = _lane(lanes, gutter, line)
        side = 0 if gutter == child.column else WIDTH
        return [(child.left + side, y), (x, y), (x, arrival), (end.left + side, arrival)]
    step = 1 if end.column > child.column else -1
    x = _lane(lanes, child.column + (step > 0), line)
    points = [(child.left + (WIDTH if step > 0 else 0), y), (x, y)]
    for column in range(child.column + step, end.column, step):
        between = _gap(boxes, COLUMNS[column], arrival)
        x_after = _lane(lanes, column + (step > 0), line)
        points += [(x, between), (x_after, between)]
        x = x_after
    return [*points, (x, arrival), (end.left + (0 if step > 0 else WIDTH), arrival)]


def _lane(lanes: dict[int, list[tuple[str, str]]], gutter: int, line: tuple[str, str]) -> float:
    """Give a line its place in a gutter; gutter n lies to the left of column n."""
    used = lanes.setdefault(gutter, [])
    if line not in used:
        used.append(line)
    left = MARGIN + gutter * (WIDTH + GUTTER) - GUTTER
    if gutter == 0:
        return MARGIN - LANE * (used.index(line) + 1)
    if gutter == len(COLUMNS):
        return left + LANE * (used.index(line) + 1)
    return left + 16 + LANE * used.index(line)


def _gap(boxes: dict[str, Box], names: tuple[str, ...], wanted: float) -> float:
    """Find the height nearest to the wanted one that passes between two tables of a column."""
    gaps = [
        min(max(wanted, boxes[upper].top + boxes[upper].height + LANE), boxes[lower].top - LANE)
        for upper, lower in pairwise(names)
    ]
    return min(gaps, key=lambda gap: abs(gap - wanted))


def _rounded(points: list[tuple[float, float]], radius: float = 6) -> str:
    """Spell a path along the points with rounded corners."""
    parts = [f"M{points[0][0]:g} {points[0][1]:g}"]
    for before, corner, after in zip(points[:-2], points[1:-1], points[2:], strict=True):
        arrive, leave = (_towards(corner, other, radius) for other in (before, after))
        parts.append(
            f"L{arrive[0]:g} {arrive[1]:g}Q{corner[0]:g} {corner[1]:g} {leave[0]:g} {leave[1]:g}"
        )
    return "".join([*parts, f"L{points[-1][0]:g} {points[-1][1]:g}"])


def _towards(
    corner: tuple[float, float], other: tuple[float, float], radius: float
) -> tuple[float, float]:
    across, down = other[0] - corner[0], other[1] - corner[1]
    length = abs(across) + abs(down)
    reach = min(radius, length / 2) / length if length else 0
    return corner[0] + across * reach, corner[1] + down * reach


def _arrow(points: list[tuple[float, float]], colour: str) -> str:
    (from_x, _), (x, y) = points[-2:]
    back = -7 if x > from_x else 7
    return f'<path d="M{x:g} {y:g}l{back} -4v8z" style="fill:{colour}" stroke="none"/>'


def _legend(top: float, width: float) -> list[str]:
    dots = (
        (KEY, "key"),
        (NATURAL_KEY, "natural key: put finds the row by it"),
        (USER_OWNED, "a user's own: no import changes it"),
        (OTHER, "other"),
    )
    parts = [f'<path d="M{MARGIN} {top}H{width - MARGIN}" stroke="#dfe4ea"/>']
    x: float = MARGIN + 6
    for colour, meaning in dots:
        parts.append(_mark(x, top + 18, colour))
        parts.append(f'<text x="{x + 10:g}" y="{top + 22:g}">{escape(meaning)}</text>')
        x += 40 + 7.3 * len(meaning)
    lines = (
        (CASCADE, "", "refers to, and goes with it (ON DELETE CASCADE)"),
        (SET_NULL, ' stroke-dasharray="5 4"', "refers to, and forgets it (SET NULL)"),
    )
    x = MARGIN
    for colour, dash, meaning in lines:
        parts.append(f'<path d="M{x:g} {top + 38:g}h26" stroke="{colour}"{dash}/>')
        parts.append(f'<text x="{x + 34:g}" y="{top + 42:g}">{escape(meaning)}</text>')
        x += 66 + 7.3 * len(meaning)
    return parts
