"""Lets pages link to source files: mkdocs calls this, and the site gets a page for each of them.

A link such as `../wkmp_orm/library.py` leads to the file in a checkout. The site has only what is
in `docs`, so there the link leads to a page that shows the file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mkdocs.structure.files import File

from tests.docs.pages import ROOT

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

LINK: Final = re.compile(r"\]\(\.\./(wkmp_orm/[\w/]+)\.py\)")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add a page for every source file that a page of the documentation links to."""
    linked = {path for page in files.documentation_pages() for path in LINK.findall(_text(page))}
    for path in sorted(linked):
        source = (ROOT / f"{path}.py").read_text(encoding="utf-8")
        shown = f"# {path}.py\n\n``````python\n{source}``````\n"
        files.append(File.generated(config, f"source/{path}.md", content=shown))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let the links of a page lead to the pages of the site."""
    return LINK.sub(r"](source/\1.md)", markdown)


def _text(page: File) -> str:
    return page.content_string
