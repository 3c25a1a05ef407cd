"""Every link between the README, the changelog and the documentation leads somewhere."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.docs import site
from tests.docs.pages import DOCS, PAGES, ROOT, anchors, prose

LINK = re.compile(r"!?\[[^]]*\]\((?P<target>[^)\s]+)\)")
NAVIGATION = re.compile(r'^ +\{ "[^"]+" = "(\S+\.md)" \},$', re.MULTILINE)


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
    navigation = NAVIGATION.findall((ROOT / "zensical.toml").read_text(encoding="utf-8"))
    assert sorted(navigation) == sorted(page.name for page in DOCS.glob("*.md"))


@pytest.mark.slow
@pytest.mark.skipif(find_spec("zensical") is None, reason="pip install --group docs; CI has it")
def test_the_site_builds_without_a_warning_and_its_reader_needs_no_other_host(
    tmp_path: Path,
) -> None:
    older = {"version": "1.0", "title": "1.0", "aliases": []}
    (tmp_path / "versions.json").write_text(json.dumps([older]), encoding="utf-8")
    site.build(tmp_path, "1.1")
    fetched = re.compile(r"<(?:script|img|link|iframe)[^>]*?(?:src|href)=.?(https?:[^\"'> ]+)")
    asked = {
        url
        for page in tmp_path.rglob("*.html")
        for url in fetched.findall(page.read_text(encoding="utf-8"))
    }
    assert asked == set()
    versions = json.loads((tmp_path / "versions.json").read_text(encoding="utf-8"))
    assert [each["version"] for each in versions] == ["1.1", "1.0"]
    assert "url=1.1/" in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert (tmp_path / "1.1/source/wkmp_orm/core/database/index.html").exists()


@pytest.mark.slow
@pytest.mark.skipif(find_spec("zensical") is None, reason="pip install --group docs; CI has it")
def test_a_site_with_a_link_that_leads_nowhere_is_not_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = tmp_path / "docs"
    shutil.copytree(DOCS, pages)
    with (pages / "index.md").open("a", encoding="utf-8") as page:
        page.write("\n[nowhere](nowhere.md)\n")
    monkeypatch.setattr(site, "DOCS", pages)
    with pytest.raises(subprocess.CalledProcessError):
        site.build(tmp_path / "site", "1.0")
    assert not (tmp_path / "site" / "1.0").exists()
