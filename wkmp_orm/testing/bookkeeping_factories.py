"""Factories of an import's bookkeeping: sessions, failures, answers, settings.

`running=True` builds a running import session; a database accepts only one.
"""

from __future__ import annotations

from datetime import timedelta

from wkmp_orm.models import (
    AcoustidCache,
    ClaimKind,
    FlushLedger,
    ImportClaim,
    ImportFailure,
    ImportMember,
    ImportProvenance,
    ImportSession,
    MemberRole,
    ServiceAnswer,
    SessionState,
    Setting,
    SourceType,
)
from wkmp_orm.phase import Phase
from wkmp_orm.testing.declarations import (
    ModelFactory,
    from_row,
    guids,
    mbids,
    nth,
    of,
    switches,
    times,
)


class ImportProvenanceFactory(ModelFactory[ImportProvenance]):
    """Extractions of a passage, by each kind of extractor in turn. Give `passage_id`."""

    Meta = of(ImportProvenance)

    id = guids(7)
    source_type = nth(lambda n: list(SourceType)[(n - 1) % len(SourceType)])
    data_extracted = nth(lambda n: {"title": f"Song {n}"})
    confidence = 0.75
    timestamp = times()


class ImportSessionFactory(ModelFactory[ImportSession]):
    """Import sessions that have ended; a database accepts any number of them."""

    Meta = of(ImportSession)
    Params = switches(
        running={
            "state": SessionState.PROCESSING,
            "progress_current": 50,
            "progress_percentage": 50.0,
            "current_operation": "Processing file 51 of 100",
            "ended_at": None,
        }
    )

    session_id = guids(8)
    state = SessionState.COMPLETED
    root_folder = "/music"
    parameters = nth(lambda _: {"file_extensions": [".flac", ".mp3"], "parallelism": 4})
    progress_current = 100
    progress_total = 100
    progress_percentage = 100.0
    current_operation = "Import completed"
    errors = nth(lambda _: [])
    started_at = times()
    ended_at = from_row(lambda row: row.started_at + timedelta(hours=1))


class ImportFailureFactory(ModelFactory[ImportFailure]):
    """Files that could not be read. Give `session_id`; `file_id` may be given."""

    Meta = of(ImportFailure)

    guid = guids(9)
    path = nth("Artist/Album/{:04} Song.flac".format)
    phase = Phase.METADATA_EXTRACTION.value
    reason = "the file ends early"
    occurred_at = times()


class ImportMemberFactory(ModelFactory[ImportMember]):
    """Importers that have left in order. Give `session_id`."""

    Meta = of(ImportMember)

    member_id = guids(12)
    host = "host"
    process_id = nth(int)
    role = MemberRole.HELPER
    workers = 12
    lease_s = 120
    joined_at = times()
    heartbeat_at = from_row(lambda row: row.joined_at + timedelta(hours=1))
    left_at = from_row(lambda row: row.heartbeat_at)


class ImportClaimFactory(ModelFactory[ImportClaim]):
    """Files that wait for an importer. Give `file_id`; `claimed_by` may be given."""

    Meta = of(ImportClaim)

    guid = guids(13)
    position = nth(int)
    kind = ClaimKind.NEW


class AcoustidCacheFactory(ModelFactory[AcoustidCache]):
    """Answers of AcoustID."""

    Meta = of(AcoustidCache)

    fingerprint_hash = nth("{:064x}".format)
    mbid = mbids(3)


class ServiceAnswerFactory(ModelFactory[ServiceAnswer]):
    """Answers of MusicBrainz."""

    Meta = of(ServiceAnswer)

    guid = guids(11)
    service = "musicbrainz"
    request_key = mbids(3)
    answer = nth(lambda n: {"title": f"Song {n}"})
    answered_at = times()


class SettingFactory(ModelFactory[Setting]):
    """Settings of a program of your own."""

    Meta = of(Setting)

    key = nth("test_setting_{}".format)
    value = nth(str)


class FlushLedgerFactory(ModelFactory[FlushLedger]):
    """Committed flushes. The library keeps them itself; units of work have no such table."""

    Meta = of(FlushLedger)

    flush_id = guids(10)
    committed_at = times()
