"""Every link between the README, the changelog and the documentation leads somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, PAGES, ROOT, anchors, prose

LINK = re.compile(r"!?\[[^]]*\]\((?P<target>[^)\s]+)\)")
NAVIGATION = re.compile(r"^ +- [^:]+: (\S+\.md)$", re.MULTILINE)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_every_relative_link_resolves(page: Path) -> None:
    dead = []
    for found in LINK.finditer(prose(page)):
        target, _, anchor = found["target"].partition("#")
        if "://" in target:
            continue
        there = (page.parent / target).resolve() if target else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            dead.append(found["target"])
    assert dead == []


def test_every_page_stands_in_the_navigation() -> None:
    navigation = NAVIGATION.findall((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert sorted(navigation) == sorted(page.name for page in DOCS.glob("*.md"))


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mkdocs") is None, reason="pip install -e '.[docs]'; CI has it")
def test_the_site_builds_without_a_warning_and_its_reader_needs_no_other_host(
    tmp_path: Path,
) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    fetched = re.compile(r"<(?:script|img|link|iframe)[^>]*?(?:src|href)=.?(https?:[^\"'> ]+)")
    asked = {
        url
        for page in tmp_path.rglob("*.html")
        for url in fetched.findall(page.read_text(encoding="utf-8"))
    }
    assert asked == set()
