"""Test data for programs that use wkmp_orm: factories, whole imports, and Hypothesis strategies.

This package needs the `testing` extra, but no test runner: without the extra, importing it raises
ConfigurationError.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from wkmp_orm.core.remedies import install
from wkmp_orm.errors import ConfigurationError

try:
    from wkmp_orm.testing import strategies
    from wkmp_orm.testing.bookkeeping_factories import (
        AcoustidCacheFactory,
        FlushLedgerFactory,
        ImportClaimFactory,
        ImportFailureFactory,
        ImportMemberFactory,
        ImportProvenanceFactory,
        ImportSessionFactory,
        ServiceAnswerFactory,
        SettingFactory,
    )
    from wkmp_orm.testing.declarations import ModelFactory, from_row, nth, reset_sequences
    from wkmp_orm.testing.factories import (
        PASSAGE_TICKS,
        AlbumFactory,
        ArtistFactory,
        FileFactory,
        PassageAlbumFactory,
        PassageFactory,
        PassageSongFactory,
        SongArtistFactory,
        SongFactory,
        SongWorkFactory,
        WorkFactory,
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

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wkmp_orm.models import Base

__all__ = [
    "FACTORIES",
    "PASSAGE_TICKS",
    "AcoustidCacheFactory",
    "AlbumFactory",
    "ArtistFactory",
    "FileFactory",
    "FlushLedgerFactory",
    "ImportClaimFactory",
    "ImportFailureFactory",
    "ImportMemberFactory",
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

FACTORIES: Final[Mapping[type[Base], type[ModelFactory[Any]]]] = MappingProxyType(
    {factory._meta.model: factory for factory in ModelFactory.__subclasses__()}
)
"""The factories of all our models."""
