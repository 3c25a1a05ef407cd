"""What a table of trials was made on: date, machine, versions."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
from datetime import UTC, datetime
from importlib.metadata import version


def made_on(seed: int) -> str:
    """Say it in one line, with the seed."""
    today = datetime.now(UTC).date()
    return (
        f"{today}, seed {seed}, {os.cpu_count()} processors, {platform.system()}"
        f" {platform.release()} on {platform.machine()}, Python {sys.version.split()[0]},"
        f" SQLite {sqlite3.sqlite_version}, SQLAlchemy {version('sqlalchemy')},"
        f" psycopg {version('psycopg')}"
    )
