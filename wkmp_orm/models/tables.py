"""The catalog of our own tables."""

from __future__ import annotations

from typing import Final

from wkmp_orm.core.table_info import Catalog
from wkmp_orm.models.base import Base

OUR_MODELS: Final = tuple(mapper.class_ for mapper in Base.registry.mappers)

TABLES: Final = Catalog(OUR_MODELS)
"""All our tables by name, parents before children."""
