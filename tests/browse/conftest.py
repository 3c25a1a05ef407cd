"""Libraries to look at: a small one whose rows are known, on both databases."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.conftest import DATABASES
from tests.support import large_library
from wkmp_orm import Library, Phase
from wkmp_orm.models import FileStatus, SessionState
from wkmp_orm.phases import (
    IdentifiedSong,
    RecordedPassage,
    album_identity,
    artist_identity,
    change_state,
    in_unit_of_work,
    record_failure,
    record_passages,
    start_session,
)
from wkmp_orm.ticks import TICKS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONG_AGO: Final = datetime(2001, 2, 3, tzinfo=UTC)
SECOND: Final = TICKS_PER_SECOND

SINNERMAN: Final = "2d1e9a3c-5b0f-4c57-9a52-7f2f1c4d8e10"
NINA: Final = "0c5a8bd1-1f3f-4b0c-8a7e-0123456789ab"


def add_file(
    library: Library,
    path: str,
    *passages: RecordedPassage,
    status: FileStatus = FileStatus.INGEST_COMPLETE,
    **columns: Any,
) -> str:
    """Add a file with its passages, as an import leaves it; return its guid."""
    with library.unit_of_work(Phase.SCANNING) as work:
        guid = work.files.add(path=path, modification_time=LONG_AGO, status=status, **columns).guid
    if passages:
        in_unit_of_work(
            library, Phase.RECORDING, lambda work: record_passages(work, guid, passages)
        )
    return guid


def tagged(
    title: str | None, artist: str | None, album: str | None, *, at: int = 0, seconds: int = 200
) -> RecordedPassage:
    """Return a passage of which only tags are known."""
    return RecordedPassage(
        at * SECOND,
        (at + seconds) * SECOND,
        title=title,
        artist=artist,
        album=album,
        artists=(artist_identity(artist),) if artist else (),
        albums=(album_identity(album, artist),) if album else (),
    )


def identified(
    title: str, artist: str, mbid: str, artist_mbid: str, *, at: int = 0, seconds: int = 200
) -> RecordedPassage:
    """Return a passage of a recording that is known."""
    who = artist_identity(artist, artist_mbid)
    return RecordedPassage(
        at * SECOND,
        (at + seconds) * SECOND,
        title=title,
        artist=artist,
        album="Pastel Blues",
        song=IdentifiedSong(mbid, title, artist, (who,)),
        artists=(who,),
        albums=(album_identity("Pastel Blues", artist),),
    )


def fresh(request: pytest.FixtureRequest, root: Path) -> Library:
    """Open an empty library that lives as long as the test process."""
    url = str(root / "wkmp.db")
    if request.param == "sqlite":
        shutil.copyfile(request.getfixturevalue("sqlite_template"), url)
    else:
        template = request.getfixturevalue("postgresql_template")
        server = request.getfixturevalue("postgres_server")
        url = str(server.create_database(root.name, template=template))
    return Library.open(url, root=root)


@pytest.fixture(scope="session", params=DATABASES)
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Library]:
    """Give a filled library of each kind in turn, which all tests that only read share."""
    with fresh(request, tmp_path_factory.mktemp("shared")) as library:
        fill(library)
        yield library


@pytest.fixture(scope="session", params=DATABASES)
def large(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Library]:
    """Give a library of each kind that is too large to be read from end to end."""
    with fresh(request, tmp_path_factory.mktemp("large")) as library:
        large_library.fill(library._writer.engine, 4_000)
        if request.param == "postgresql":
            with library._writer.engine.connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(
                    "VACUUM ANALYZE"
                )
        yield library


@pytest.fixture
def collection(library: Library) -> Library:
    """Give a filled library of a test's own."""
    fill(library)
    return library


def fill(library: Library) -> None:
    """Fill a library with one recording that is known, and others of which only tags are.

    Nina Simone - Sinnerman (known), Be My Husband (tags alone, the same album); Sigur Rós - Ágætis
    byrjun; Édith Piaf - Milord; a side of a record with two passages, one without a title; a file
    without tags; two files equal to the first, and a broken one.
    """
    add_file(
        library,
        "Nina/Sinnerman.flac",
        identified("Sinnerman", "Nina Simone", SINNERMAN, NINA, seconds=624),
        hash="a" * 64,
        title="Sinnerman",
        artist="Nina Simone",
        album="Pastel Blues",
        format="flac",
        duration_ticks=630 * SECOND,
        file_size_bytes=70_000_000,
    )
    add_file(
        library,
        "Nina/husband.mp3",
        tagged("Be My Husband", "Nina Simone", "Pastel Blues"),
        format="mp3",
        duration_ticks=200 * SECOND,
        file_size_bytes=5_000_000,
    )
    add_file(library, "Sigur/1.ogg", tagged("Ágætis byrjun", "Sigur Rós", "Ágætis byrjun"))
    add_file(library, "piaf.mp3", tagged("Milord", "Édith Piaf", None))
    add_file(
        library,
        "side a.wav",
        tagged("Side [remastered]", "The Band", "Side"),
        tagged(None, "The Band", "Side", at=300),
    )
    add_file(library, "untagged.wav", tagged(None, None, None))
    for name in ("copy 1.flac", "copy 2.flac"):
        add_file(library, name, status=FileStatus.DUPLICATE_HASH, hash="a" * 64)
    broken = add_file(library, "broken.mp3", status=FileStatus.PENDING)
    session = start_session(library, str(library.root), {})
    in_unit_of_work(
        library,
        Phase.SEGMENTATION,
        lambda work: record_failure(
            work,
            session_id=session,
            path="broken.mp3",
            phase=Phase.SEGMENTATION,
            reason="no sound was found in it",
            file_guid=broken,
        ),
    )
    change_state(library, session, SessionState.COMPLETED, operation="done")
