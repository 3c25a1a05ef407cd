"""The attributes of a unit of work that are its tables, each made when it is first asked for.

Knows no row and no connection.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar, overload

from wkmp_orm.models import Base
from wkmp_orm.models.facts import FACTS
from wkmp_orm.unit_of_work.any_table import Owner
from wkmp_orm.unit_of_work.link_table import LinkTable
from wkmp_orm.unit_of_work.table import Table

M = TypeVar("M", bound=Base)


class _Attribute:
    def __init__(self, model: type[Base]) -> None:
        self._facts = FACTS[str(model.__tablename__)]

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def _keep(self, unit: Owner, table: Table[Any] | LinkTable) -> None:
        # A non-data descriptor: from now on the instance's own attribute is found first.
        vars(unit)[self._name] = table


class EntityAttribute(_Attribute, Generic[M]):
    """The rows of an entity."""

    def __init__(self, model: type[M]) -> None:
        super().__init__(model)

    @overload
    def __get__(self, unit: None, owner: type) -> EntityAttribute[M]: ...
    @overload
    def __get__(self, unit: Owner, owner: type) -> Table[M]: ...
    def __get__(self, unit: Owner | None, owner: type) -> Table[M] | EntityAttribute[M]:
        if unit is None:
            return self
        table: Table[M] = Table(unit, self._facts)
        self._keep(unit, table)
        return table


class LinkAttribute(_Attribute):
    """The links of one kind."""

    @overload
    def __get__(self, unit: None, owner: type) -> LinkAttribute: ...
    @overload
    def __get__(self, unit: Owner, owner: type) -> LinkTable: ...
    def __get__(self, unit: Owner | None, owner: type) -> LinkTable | LinkAttribute:
        if unit is None:
            return self
        table = LinkTable(unit, self._facts)
        self._keep(unit, table)
        return table
