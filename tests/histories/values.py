"""When two stored values are the same: as the database tells them apart, not as Python does.

Python calls 1, 1.0 and True equal; a database that stores JSON does not.
"""

from __future__ import annotations

import json
from typing import Any


def same(one: Any, other: Any) -> bool:
    """Say whether two values are one to a database."""
    if isinstance(one, list | dict) and isinstance(other, list | dict):
        return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    return bool(one == other)


def same_numbers(one: Any, other: Any) -> bool:
    """Say whether two values differ in the spelling of numbers at the most, which jsonb forgets."""
    return same(_spelled(one), _spelled(other))


def _spelled(value: Any) -> Any:
    if isinstance(value, list | dict):
        return json.loads(json.dumps(value), parse_int=float)
    return value
