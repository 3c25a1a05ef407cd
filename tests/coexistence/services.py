"""What the Rust import service writes, in our own words: its statements in its order, its patience.

It begins transactions DEFERRED, waits 250 ms for a lock inside SQLite, and tries again with growing
pauses for 5 s. Its scan empties the hash and what is known of the sound of every file, also of
complete ones, and it processes again whatever is not complete. Knows nothing of wkmp_orm.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")

TICKS_PER_SECOND: Final = 28_224_000
BUSY_TIMEOUT_S: Final = 0.25
PATIENCE_S: Final = 5.0
SHORTER: Final = 13_800
"""Ticks: they compute the ends of passages with 24 bits, and so not at the sample that we find."""


def rfc3339(nanoseconds: int | None = None) -> str:
    """Spell a time since 1970, or now, as they do: with nine digits."""
    seconds, rest = divmod(time.time_ns() if nanoseconds is None else nanoseconds, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09}+00:00"


class ImportService:
    """One import by the Rust service, into a database that has the tables already."""

    def __init__(self, database: str, root: Path) -> None:
        """Connect as it does: one connection is enough to be in the way."""
        self.root = root
        self.session = str(uuid.uuid4())
        self.started = rfc3339()
        self.failed: dict[str, str] = {}
        self._connection = sqlite3.connect(database, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.execute("PRAGMA synchronous = NORMAL")

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()

    def run(self) -> None:
        """Import the folder, from the session's start to its end."""
        self.save_session("SCANNING")
        self.scan()
        self.save_session("PROCESSING")
        paths = [path for (path,) in self._rows("SELECT path FROM files ORDER BY path")]
        for number, path in enumerate(paths, 1):
            try:
                self.process(path)
            except sqlite3.IntegrityError as error:
                self.failed[path] = str(error)
            self.save_session("PROCESSING", number, len(paths))
        self.save_session("COMPLETED", len(paths), len(paths))

    def save_session(self, state: str, current: int = 0, total: int = 0) -> None:
        """Write the session's row, whatever it is now."""
        row = (
            *(self.session, json.dumps(state), str(self.root), '{"parallelism":4}'),
            *(current, total, 100.0 * current / (total or 1), "importing", "[]", self.started),
            rfc3339() if state in ("COMPLETED", "CANCELLED", "FAILED") else None,
        )
        self._retried(
            "INSERT INTO import_sessions (session_id, state, root_folder, parameters,"
            " progress_current, progress_total, progress_percentage, current_operation, errors,"
            " started_at, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (session_id) DO UPDATE SET state = excluded.state,"
            " progress_current = excluded.progress_current,"
            " progress_total = excluded.progress_total,"
            " progress_percentage = excluded.progress_percentage,"
            " current_operation = excluded.current_operation, errors = excluded.errors,"
            " ended_at = excluded.ended_at",
            row,
        )

    def cancel_stale_sessions(self) -> None:
        """Do what it does when it starts: whatever runs is taken for its own of yesterday."""
        self._retried(
            "UPDATE import_sessions SET state = '\"CANCELLED\"', ended_at = ?,"
            " current_operation = 'the service was restarted'"
            " WHERE state NOT IN ('\"COMPLETED\"', '\"CANCELLED\"', '\"FAILED\"')",
            (rfc3339(),),
        )

    def scan(self) -> None:
        """Find the files; of those that are known everything but tags and status is emptied."""
        found = sorted(path for path in self.root.rglob("*") if path.suffix == ".flac")

        def upsert_all() -> None:
            self._connection.execute("BEGIN")
            try:
                for path in found:
                    status = path.stat()
                    self._connection.execute(
                        "INSERT INTO files (guid, path, hash, file_size_bytes, modification_time)"
                        " VALUES (?, ?, '', ?, ?) ON CONFLICT (path) DO UPDATE SET"
                        " hash = excluded.hash, duration_ticks = NULL, format = NULL,"
                        " sample_rate = NULL, channels = NULL,"
                        " file_size_bytes = excluded.file_size_bytes,"
                        " modification_time = excluded.modification_time,"
                        " updated_at = CURRENT_TIMESTAMP",
                        (
                            str(uuid.uuid4()),
                            path.relative_to(self.root).as_posix(),
                            status.st_size,
                            rfc3339(status.st_mtime_ns),
                        ),
                    )
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

        self._until_unlocked(upsert_all)

    def process(self, path: str) -> None:
        """Take a file through its phases, unless it is complete."""
        ((guid, status),) = self._rows("SELECT guid, status FROM files WHERE path = ?", path)
        if status == "INGEST COMPLETE":
            return
        if self._is_copy(guid, (self.root / path).read_bytes()):
            return
        seconds = 1.0
        ticks = int(seconds * TICKS_PER_SECOND)
        self._retried(
            "UPDATE files SET duration_ticks = ?, format = 'FLAC', sample_rate = 44100,"
            " channels = 2, title = coalesce(title, ?), updated_at = CURRENT_TIMESTAMP"
            " WHERE guid = ?",
            (ticks, path, guid),
        )
        passage = self._record(guid, ticks - SHORTER)
        self._retried(
            "UPDATE passages SET lead_in_start_ticks = ?, lead_out_start_ticks = ?,"
            " status = 'INGEST COMPLETE', updated_at = CURRENT_TIMESTAMP WHERE guid = ?",
            (0, ticks - SHORTER, passage),
        )
        ((left,),) = self._rows(
            "SELECT count(*) FROM passages WHERE file_id = ? AND status <> 'INGEST COMPLETE'", guid
        )
        if not left:
            self._retried(
                "UPDATE files SET status = 'INGEST COMPLETE', updated_at = CURRENT_TIMESTAMP"
                " WHERE guid = ?",
                (guid,),
            )

    def _is_copy(self, guid: str, content: bytes) -> bool:
        """Store the hash, and link with any other row that has it, whatever that is."""
        sha256 = hashlib.sha256(content).hexdigest()
        self._retried("UPDATE files SET hash = ? WHERE guid = ?", (sha256, guid))
        others = self._rows(
            "SELECT guid FROM files WHERE hash = ? AND guid <> ? LIMIT 1", sha256, guid
        )
        if not others:
            return False
        self._retried(
            "UPDATE files SET matching_hashes = ?, status = 'DUPLICATE HASH' WHERE guid = ?",
            (json.dumps([others[0][0]]), guid),
        )
        self._retried(
            "UPDATE files SET matching_hashes = ? WHERE guid = ?",
            (json.dumps([guid]), others[0][0]),
        )
        return True

    def _record(self, file: str, end: int) -> str:
        """Add a passage, beside whatever the file has."""
        passage = str(uuid.uuid4())
        self._retried(
            "INSERT INTO passages (guid, file_id, start_time_ticks, end_time_ticks, title, status)"
            " VALUES (?, ?, 0, ?, 'theirs', 'PENDING')",
            (passage, file, end),
        )
        return passage

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._until_unlocked(lambda: self._connection.execute(query, values).fetchall())

    def _retried(self, statement: str, values: tuple[Any, ...]) -> None:
        self._until_unlocked(lambda: self._connection.execute(statement, values))

    def _until_unlocked(self, operation: Callable[[], T]) -> T:
        """Try again while the text of the error says that the database is locked, for 5 s."""
        ends, pause = time.monotonic() + PATIENCE_S, 0.01
        while True:
            try:
                return operation()
            except sqlite3.OperationalError as error:
                if "database is locked" not in str(error) or time.monotonic() >= ends:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, 1.0)
