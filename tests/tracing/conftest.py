"""A library that somebody listens to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.telemetry import Telemetry
from wkmp_orm.core.tracing.open_telemetry import OpenTelemetry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database
    from wkmp_orm import Library


@pytest.fixture
def telemetry() -> Telemetry:
    """Keep spans and numbers in memory."""
    return Telemetry()


@pytest.fixture
def tracing(telemetry: Telemetry) -> OpenTelemetry:
    """Give what a library is opened with to be listened to."""
    return OpenTelemetry(telemetry.tracers, telemetry.meters)


@pytest.fixture
def listened(database: Database, tracing: OpenTelemetry, telemetry: Telemetry) -> Iterator[Library]:
    """Open a fresh database of each kind in turn, with its opening forgotten."""
    with database.open(tracing=tracing) as library:
        telemetry.clear()
        yield library
