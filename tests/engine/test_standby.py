"""A standby server can be read, and says why it cannot be written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from tests.flush.recordings import mbid
from tests.support.postgres_binaries import find_binaries
from tests.torture.server import CrashingServer
from wkmp_orm import Library, Song
from wkmp_orm.errors import ReadOnlyDatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

IS_A_STANDBY = "this one is a standby, or its transactions are read-only"


@pytest.fixture
def standby() -> Iterator[str]:
    """Give a library with one song on a server that became a standby while it was down."""
    server = CrashingServer(find_binaries()[0])
    try:
        url = server.create_database("replayed")
        with Library.open(url) as library, library.unit_of_work("songs") as work:
            work.songs.put(recording_mbid=mbid(2, 1))
        signal = server.directory / "data" / "standby.signal"
        signal.touch()
        if os.geteuid() == 0:
            owner = (server.directory / "data").stat()
            os.chown(signal, owner.st_uid, owner.st_gid)
        server.crash()
        yield url
    finally:
        server.stop()


def test_a_standby_is_read_and_whoever_wants_to_write_is_sent_to_the_primary(standby: str) -> None:
    with Library.open(standby, read_only=True) as library:
        with library.reader() as session:
            assert session.scalar(sa.select(sa.func.count()).select_from(Song)) == 1
        findings = [str(each) for each in library.examine(quick=True).findings]
        assert any("the server is a standby" in each for each in findings)
    with (
        pytest.raises(ReadOnlyDatabaseError, match=IS_A_STANDBY),
        Library.open(standby) as library,
        library.unit_of_work("songs") as work,
    ):
        work.songs.put(recording_mbid=mbid(2, 2))
