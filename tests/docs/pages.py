"""The pages of the documentation, and the fenced blocks in them.

Knows Markdown's fences and headings; nothing of what the pages say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parents[2]
DOCS: Final = ROOT / "docs"
PAGES: Final = (ROOT / "README.md", *sorted(DOCS.glob("*.md")))

_FENCE: Final = re.compile(
    r"^(?P<run> *<!-- run -->\n)?(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<language>\S*)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """A fenced block: where its first line stands, its language and its text.

    `is_run`: it is a shell's, and `<!-- run -->` before it has a test run it.
    """

    page: Path
    line: int
    language: str
    text: str
    is_run: bool = False

    def __str__(self) -> str:
        """Name the place as editors do."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    position = 0
    while opening := _FENCE.search(text, position):
        start = text.index("\n", opening.end()) + 1
        closing = re.compile(rf"^{opening['indent']}{opening['fence']} *$", re.MULTILINE)
        found = closing.search(text, start)
        if found is None:
            line = text.count("\n", 0, start)
            message = f"{page.relative_to(ROOT)}:{line}: this block is never closed"
            raise ValueError(message)
        body = re.sub(rf"^{opening['indent']}", "", text[start : found.start()], flags=re.MULTILINE)
        line = text.count("\n", 0, start) + 1
        yield Block(page, line, opening["language"], body, is_run=opening["run"] is not None)
        position = found.end()


def prose(page: Path) -> str:
    """Return a page without its fenced blocks, each line in its place."""
    lines = page.read_text(encoding="utf-8").split("\n")
    for block in blocks(page):
        for number in range(block.line - 2, block.line + block.text.count("\n")):
            lines[number] = ""
    return "\n".join(lines)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and the site both spell them."""
    headings = re.findall(r"^#+ +(.+?) *$", prose(page), re.MULTILINE)
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in plain}
