"""What the documentation repeats of the code is what the code says."""

from __future__ import annotations

import pkgutil
import re
from typing import TYPE_CHECKING

import pytest

import wkmp_orm
from tests.docs.generated import MARKED, PARTS, PICTURES, renewed
from tests.docs.pages import DOCS, PAGES, prose
from tests.docs.pipeline_picture import SAID, draw_pipeline
from tests.docs.schema_picture import draw_schema
from wkmp_orm import Phase, errors, models
from wkmp_orm.models.tables import TABLES
from wkmp_orm.orchestrator import STEPS

if TYPE_CHECKING:
    from pathlib import Path

RENEW = "run: python -m tests.docs.generated"

WITH_PARTS = [page for page in PAGES if MARKED.search(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", WITH_PARTS, ids=lambda page: page.name)
def test_generated_parts_are_fresh(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == renewed(page), RENEW


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_pictures_are_fresh(picture: Path) -> None:
    assert picture.read_text(encoding="utf-8") == PICTURES[picture](), RENEW


def test_the_picture_of_the_schema_shows_every_table() -> None:
    drawn = re.findall(r'<text class="title"[^>]*>(\w+)<', draw_schema())
    assert sorted(drawn) == sorted(TABLES)


def test_the_picture_of_the_import_shows_every_phase_in_order() -> None:
    drawn = re.findall(r'<text class="title" x="34"[^>]*>([\w ]+)<', draw_pipeline())
    first = (Phase.SCANNING, Phase.FILENAME_MATCHING)
    assert drawn == [phase.replace("_", " ") for phase in (*first, *(s.phase for s in STEPS))]


def test_the_tables_that_phases_are_said_to_write_are_there() -> None:
    words = {word for said in SAID.values() for word in re.findall(r"\w+", said.writes)}
    assert words - set(TABLES) == {"if", "it", "is", "silent", "links"}


def test_every_generated_part_has_its_place() -> None:
    places = [found["name"] for page in PAGES for found in MARKED.finditer(_text(page))]
    assert sorted(places) == sorted(PARTS)


def test_the_reference_lists_every_public_name_once() -> None:
    rooms = {room.name for room in pkgutil.iter_modules(wkmp_orm.__path__)}
    reference = re.findall(r"^::: (wkmp_orm\.[\w.]+)$", _text(DOCS / "reference.md"), re.MULTILINE)
    listed = [name.rpartition(".")[2] for name in reference]
    names = {*wkmp_orm.__all__, *errors.__all__, *models.__all__} - {"__version__"}
    assert names <= set(listed)
    assert len(listed) == len(set(listed))
    at_the_top = {name for name in listed if f"wkmp_orm.{name}" in reference} - rooms
    assert at_the_top == {*wkmp_orm.__all__} - {"__version__"}


def test_every_error_has_its_remedy() -> None:
    told = set(re.findall(r"`(\w+Error)`", prose(DOCS / "errors.md")))
    public = {name for name in errors.__all__ if name.endswith("Error")}
    abstract = {"WkmpOrmError", "RowError", "FlushError", "SchemaError", "UnitOfWorkError"}
    assert public - told - abstract == set()
    assert {name for name in told if hasattr(errors, name)} <= public


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")
