"""Builds the site: `python -m tests.docs.site FOLDER`, then serve FOLDER as files.

Each version of the package has a folder of its own in it, and `versions.json` lists them for the
menu in the header; `index.html` leads to the newest that was built. A page links to a source file
as `../wkmp_orm/library.py`, which is the file in a checkout; in the site it is a page that shows
the file, made here.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Final

from tests.docs.pages import DOCS, ROOT

CONFIGURATION: Final = ROOT / "zensical.toml"
SOURCE: Final = re.compile(r"\]\(\.\./(wkmp_orm/[\w/]+)\.py\)")
FORWARD: Final = '<!doctype html><meta http-equiv="refresh" content="0; url={newest}/">\n'


def lay_out(folder: Path) -> None:
    """Write into an empty folder what Zensical builds from: the pages, and those of sources."""
    shutil.copy(CONFIGURATION, folder)
    pages = shutil.copytree(DOCS, folder / "docs")
    for page in pages.glob("*.md"):
        text = page.read_text(encoding="utf-8")
        for source in SOURCE.findall(text):
            shown = pages / "source" / f"{source}.md"
            shown.parent.mkdir(parents=True, exist_ok=True)
            code = (ROOT / f"{source}.py").read_text(encoding="utf-8")
            shown.write_text(f"# {source}.py\n\n``````python\n{code}``````\n", encoding="utf-8")
        page.write_text(SOURCE.sub(r"](source/\1.md)", text), encoding="utf-8")


def build(site: Path, name: str) -> None:
    """Build this checkout's pages as the version `name` of a site.

    :raises subprocess.CalledProcessError: a page has a link that leads nowhere, or the like.
    """
    with tempfile.TemporaryDirectory() as folder:
        lay_out(Path(folder))
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "zensical", "build", "--strict"]
        subprocess.run(command, cwd=folder, env=environment, check=True)
        shutil.rmtree(site / name, ignore_errors=True)
        shutil.copytree(Path(folder) / "site", site / name)
    listing = site / "versions.json"
    known = json.loads(listing.read_text(encoding="utf-8")) if listing.exists() else []
    others = [each for each in known if each["version"] != name]
    newest = {"version": name, "title": name, "aliases": []}
    listing.write_text(json.dumps([newest, *others], indent=1) + "\n", encoding="utf-8")
    (site / "index.html").write_text(FORWARD.format(newest=name), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    build(Path(sys.argv[1]), version("wkmp_orm"))
