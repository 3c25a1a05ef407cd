"""advanced-alchemy: a repository for each of our models, `upsert_many`, one transaction a file."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.benchmarks.by_hand import COLUMNS, NATURAL_KEYS
from tests.benchmarks.contenders.session import MODELS, create_engine, instances, prefetched

with warnings.catch_warnings():
    warnings.simplefilter("ignore", sa.exc.SADeprecationWarning)  # its own, at import
    from advanced_alchemy.repository import SQLAlchemySyncRepository

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.by_hand import Rows
    from tests.benchmarks.work import Recording

KEY = ["guid"]


def _repository(table: str) -> type[Any]:
    attributes = {"model_type": MODELS[table], "id_attribute": COLUMNS[table].split(", ")[0]}
    return type(table, (SQLAlchemySyncRepository,), attributes)


REPOSITORIES = {table: _repository(table) for table in COLUMNS}
MATCH_FIELDS = {
    table: [NATURAL_KEYS[table]]
    if table in NATURAL_KEYS
    else (KEY if table == "passages" else COLUMNS[table].split(", ")[:2])
    for table in COLUMNS
}


class AdvancedAlchemyUpsertMany:
    """Records files through repositories on a Session of their own each."""

    def __init__(self, path: Path) -> None:
        self.engine = create_engine(path)

    def record(self, recording: Recording) -> None:
        """Record one file: prefetch, upsert the rows of each table, commit."""
        with Session(self.engine) as session:
            rows = prefetched(session, recording)
            for table, data in _by_table(rows).items():
                if data:
                    REPOSITORIES[table](session=session).upsert_many(
                        data, match_fields=MATCH_FIELDS[table]
                    )
            session.commit()

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()


def _by_table(rows: Rows) -> dict[str, list[Any]]:
    data: dict[str, list[Any]] = {table: [] for table in COLUMNS}
    for instance in instances(rows):
        data[instance.__table__.description].append(instance)
    return data
