"""Which engine an error came from, where a program speaks to several databases in one block.

Knows SQLAlchemy's connections and pools; nothing of what kinds of fault there are.
"""

from __future__ import annotations

from traceback import walk_tb

import sqlalchemy as sa


def is_of(error: BaseException, engine: sa.Engine) -> bool:
    """Say whether a connection of `engine`, or its pool, raised the error.

    SQLAlchemy's errors do not name their engine. The frames that they passed through do. A listener
    to the engine's errors would name it as well, but then the driver's short way would be closed:
    whoever listens is shown every statement. Any thread.
    """
    pool = engine.pool
    for frame, _ in walk_tb(error.__traceback__):
        owner = frame.f_locals.get("self")
        if owner is pool or (isinstance(owner, sa.Connection) and owner.engine.pool is pool):
            return True
    return False
