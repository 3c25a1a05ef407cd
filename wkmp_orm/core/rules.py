"""Conditions between the columns of a row, declared once in the model.

    class Passage(Base):
        __table_args__ = (
            Rule(
                "end_time_ticks > start_time_ticks",
                name="end_after_start",
                says="{end_time_ticks} is not after the start, {start_time_ticks}",
            ),
        )

A rule is a CHECK of the table, a test of each row that a unit of work is given, and the message if
the test fails. As in SQL, a comparison with None holds.
"""

from __future__ import annotations

import ast
import operator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlalchemy as sa

from wkmp_orm.core.errors import InvalidRowError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Operand = str | int | float
"""The name of a column, or a number."""

_OPERATORS: Final[Mapping[type[ast.cmpop], tuple[str, Callable[[Any, Any], bool]]]] = {
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
}
_MOST_OPERANDS: Final = 3


class Comparison(NamedTuple):
    """One comparison of two operands."""

    left: Operand
    sign: str
    right: Operand

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns that it compares."""
        return tuple(each for each in (self.left, self.right) if isinstance(each, str))

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Return whether it holds for a row; true if one of the values is None."""
        left = values.get(self.left) if isinstance(self.left, str) else self.left
        right = values.get(self.right) if isinstance(self.right, str) else self.right
        return left is None or right is None or _COMPARE[self.sign](left, right)


_COMPARE: Final = dict(_OPERATORS.values())


class Rule(sa.CheckConstraint):
    """A condition on a row: numbers and columns, compared with `<`, `<=`, `>`, `>=` and `and`.

    `a <= b <= c` is `b BETWEEN a AND c` in SQL. `column` is the one that the error names, by
    default the first in the condition; `says` is the message, with the row's columns in braces.
    """

    def __init__(
        self, condition: str, *, name: str, says: str = "", column: str | None = None
    ) -> None:
        parts = list(_parts(condition))
        self.comparisons = tuple(one for part in parts for one in part)
        columns = [name for comparison in self.comparisons for name in comparison.columns]
        if not columns:
            msg = f"{condition!r} does not compare a column"
            raise ValueError(msg)
        self.columns_compared = tuple(dict.fromkeys(columns))
        self.column = column or self.columns_compared[0]
        self.says = says or f"{{{self.column}}} is refused: {condition}"
        super().__init__(" AND ".join(map(_sql, parts)), name=name)

    def check(self, table: str, values: Mapping[str, Any]) -> None:
        """Raise InvalidRowError if a row breaks the rule; missing columns count as None."""
        for comparison in self.comparisons:
            if not comparison.holds(values):
                told = {name: values.get(name) for name in self.columns_compared}
                raise InvalidRowError(table, self.column, self.says.format_map(told))


def rules_of(table: sa.Table) -> tuple[Rule, ...]:
    """Return the rules of a table, in the order of their names."""
    rules = [one for one in table.constraints if isinstance(one, Rule)]
    return tuple(sorted(rules, key=lambda rule: str(rule.name)))


def _parts(condition: str) -> Iterator[tuple[Comparison, ...]]:
    """Parse a condition: each part has one comparison, or the two of `a <= b <= c`."""
    whole = ast.parse(condition, mode="eval").body
    is_and = isinstance(whole, ast.BoolOp) and isinstance(whole.op, ast.And)
    for part in whole.values if is_and and isinstance(whole, ast.BoolOp) else [whole]:
        if not isinstance(part, ast.Compare) or len(part.ops) >= _MOST_OPERANDS:
            raise _not_understood(condition)
        operands = [_operand(each, condition) for each in (part.left, *part.comparators)]
        signs = [_OPERATORS[type(each)][0] for each in part.ops if type(each) in _OPERATORS]
        if len(signs) != len(part.ops) or (len(signs) == 2 and signs != ["<=", "<="]):
            raise _not_understood(condition)
        yield tuple(map(Comparison, operands, signs, operands[1:]))


def _operand(node: ast.expr, condition: str) -> Operand:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case _:
            raise _not_understood(condition)


def _sql(part: tuple[Comparison, ...]) -> str:
    if len(part) == 1:
        return " ".join(map(str, part[0]))
    low, high = part
    return f"{low.right} BETWEEN {low.left} AND {high.right}"


def _not_understood(condition: str) -> ValueError:
    return ValueError(
        f"{condition!r} is no rule: compare columns and numbers with <, <=, >, >=, join with"
        " `and`; a <= b <= c means BETWEEN. Anything else is a sa.CheckConstraint"
    )
