"""Who takes part in recording files, and which package each needs.

A contender whose package is not installed is named all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, cast
from uuid import uuid4

from tests.benchmarks.by_hand import ByHand
from tests.benchmarks.contenders.ours import Ours

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.benchmarks.clock import Contender

BY_HAND: Final = "by hand, sqlite3"
BY_HAND_RANDOM: Final = "by hand, random keys"
OURS: Final = "wkmp_orm"
OURS_BY_SESSION: Final = "wkmp_orm, bulk='session'"


class ByHandWithRandomKeys(ByHand):
    """The hand-written recording with UUIDv4 keys."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, lambda: str(uuid4()))


@dataclass(frozen=True)
class Entrant:
    """A contender's name, the package that it needs, and where its class is."""

    name: str
    package: str
    module: str
    factory: str

    @property
    def is_installed(self) -> bool:
        """Whether it can take part here."""
        return find_spec(self.package) is not None

    def make(self, path: Path) -> Contender:
        """Open the database at `path`."""
        module = import_module(f"tests.benchmarks.contenders.{self.module}")
        return cast("Callable[[Path], Contender]", getattr(module, self.factory))(path)


KEYS: Final[dict[str, Callable[[Path], Contender]]] = {
    BY_HAND: ByHand,
    BY_HAND_RANDOM: ByHandWithRandomKeys,
    OURS: Ours,
    OURS_BY_SESSION: partial(Ours, bulk="session"),
}
"""Row 1: the limit, what random keys cost it, and us with either sender."""

OTHERS: Final = (
    Entrant("wkmp_orm.phases", "wkmp_orm", "by_phase", "OursByPhase"),
    Entrant("peewee insert_many", "peewee", "peewee_models", "PeeweeInsertMany"),
    Entrant("Django bulk_create", "django", "django_models", "DjangoBulkCreate"),
    Entrant("a transaction a statement, sqlite3", "sqlite3", "each_statement", "EachStatement"),
    Entrant(
        "a transaction a statement, SQLAlchemy",
        "sqlalchemy",
        "each_statement",
        "CoreEachStatement",
    ),
    Entrant("beets add_album, own tables", "beets", "beets_library", "BeetsAddAlbum"),
    Entrant("SQLAlchemy Session.add", "sqlalchemy", "session", "SessionAdd"),
    Entrant("SQLAlchemy Session.merge", "sqlalchemy", "session", "SessionMerge"),
    Entrant(
        "advanced-alchemy upsert_many",
        "advanced_alchemy",
        "advanced_alchemy_repository",
        "AdvancedAlchemyUpsertMany",
    ),
)
