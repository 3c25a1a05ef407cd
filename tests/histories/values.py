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
