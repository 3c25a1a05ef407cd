"""Rows for the tests of programs that write through wkmp_orm: factories, whole imports, strategies.

Needs the `testing` extra, and no test runner: without it, importing this is a ConfigurationError.
"""

from __future__ import annotations

from wkmp_orm.core.remedies import install
from wkmp_orm.errors import ConfigurationError

try:
    from wkmp_orm.testing import strategies
    from wkmp_orm.testing.declarations import ModelFactory, from_row, nth
    from wkmp_orm.testing.factories import (
        FACTORIES,
        PASSAGE_TICKS,
        AcoustidCacheFactory,
        AlbumFactory,
        ArtistFactory,
        FileFactory,
        FlushLedgerFactory,
        ImportFailureFactory,
        ImportProvenanceFactory,
        ImportSessionFactory,
        PassageAlbumFactory,
        PassageFactory,
        PassageSongFactory,
        ServiceAnswerFactory,
        SettingFactory,
        SongArtistFactory,
        SongFactory,
        SongWorkFactory,
        WorkFactory,
        reset_sequences,
    )
    from wkmp_orm.testing.recordings import (
        Recording,
        build_recording,
        build_recordings,
        populate,
        put_all,
    )
except ModuleNotFoundError as missing:
    if (missing.name or "").startswith("wkmp_orm"):
        raise
    _package = (missing.name or "").partition(".")[0]
    _message = f"{_package} is not installed"
    raise ConfigurationError(_message, install("testing")) from missing

__all__ = [
    "FACTORIES",
    "PASSAGE_TICKS",
    "AcoustidCacheFactory",
    "AlbumFactory",
    "ArtistFactory",
    "FileFactory",
    "FlushLedgerFactory",
    "ImportFailureFactory",
    "ImportProvenanceFactory",
    "ImportSessionFactory",
    "ModelFactory",
    "PassageAlbumFactory",
    "PassageFactory",
    "PassageSongFactory",
    "Recording",
    "ServiceAnswerFactory",
    "SettingFactory",
    "SongArtistFactory",
    "SongFactory",
    "SongWorkFactory",
    "WorkFactory",
    "build_recording",
    "build_recordings",
    "from_row",
    "nth",
    "populate",
    "put_all",
    "reset_sequences",
    "strategies",
]
