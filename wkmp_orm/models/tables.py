"""The catalog of our own tables."""

from __future__ import annotations

from typing import Final

from wkmp_orm.core.table_info import Catalog
from wkmp_orm.models.base import Base

TABLES: Final = Catalog(mapper.class_ for mapper in Base.registry.mappers)
"""All tables of ours by name, parents before children."""
