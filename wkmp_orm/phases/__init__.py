"""What each phase of an import writes: functions that fill a unit of work. No audio code here."""

from __future__ import annotations

from wkmp_orm.phases.amplitude import PassageAmplitude, record_amplitude
from wkmp_orm.phases.attempts import in_unit_of_work, read_anew
from wkmp_orm.phases.failures import forget_outdated_failures, record_failure, record_warning
from wkmp_orm.phases.finalization import complete_passages, finalize_file
from wkmp_orm.phases.fingerprinting import (
    Answer,
    read_answers,
    record_acoustid,
    record_answers,
    request_key,
)
from wkmp_orm.phases.flavoring import Flavor, PendingSong, pending_songs, record_flavors
from wkmp_orm.phases.hash_deduplication import is_duplicate, record_hash
from wkmp_orm.phases.healing import heal_second_originals
from wkmp_orm.phases.identity import Identity, album_identity, artist_identity
from wkmp_orm.phases.import_session import (
    cancel_interrupted,
    change_state,
    is_running,
    record_progress,
    running_session,
    start_session,
)
from wkmp_orm.phases.metadata_extraction import FileMetadata, record_metadata
from wkmp_orm.phases.missing import (
    MissingFile,
    copies_of,
    mark_missing,
    missing_files,
    unmark_missing,
)
from wkmp_orm.phases.recording import (
    Extraction,
    IdentifiedSong,
    RecordedPassage,
    Recording,
    Work,
    record_passages,
)
from wkmp_orm.phases.relocation import (
    Relocation,
    StoredFile,
    is_empty,
    known_hashes,
    record_relocations,
    stored_files,
)
from wkmp_orm.phases.retrying import Retry, reset_failed_flavors, retry_failed
from wkmp_orm.phases.scanning import (
    FoundFile,
    LooseFile,
    Match,
    MatchedFile,
    loose_files,
    record_files,
)
from wkmp_orm.phases.segmentation import record_no_audio
from wkmp_orm.phases.status import (
    Failure,
    FileWarning,
    LibraryStatus,
    SessionReport,
    failures,
    last_sessions,
    library_status,
    notes_told_before,
    warnings,
)

__all__ = [
    "Answer",
    "Extraction",
    "Failure",
    "FileMetadata",
    "FileWarning",
    "Flavor",
    "FoundFile",
    "IdentifiedSong",
    "Identity",
    "LibraryStatus",
    "LooseFile",
    "Match",
    "MatchedFile",
    "MissingFile",
    "PassageAmplitude",
    "PendingSong",
    "RecordedPassage",
    "Recording",
    "Relocation",
    "Retry",
    "SessionReport",
    "StoredFile",
    "Work",
    "album_identity",
    "artist_identity",
    "cancel_interrupted",
    "change_state",
    "complete_passages",
    "copies_of",
    "failures",
    "finalize_file",
    "forget_outdated_failures",
    "heal_second_originals",
    "in_unit_of_work",
    "is_duplicate",
    "is_empty",
    "is_running",
    "known_hashes",
    "last_sessions",
    "library_status",
    "loose_files",
    "mark_missing",
    "missing_files",
    "notes_told_before",
    "pending_songs",
    "read_anew",
    "read_answers",
    "record_acoustid",
    "record_amplitude",
    "record_answers",
    "record_failure",
    "record_files",
    "record_flavors",
    "record_hash",
    "record_metadata",
    "record_no_audio",
    "record_passages",
    "record_progress",
    "record_relocations",
    "record_warning",
    "request_key",
    "reset_failed_flavors",
    "retry_failed",
    "running_session",
    "start_session",
    "stored_files",
    "unmark_missing",
    "warnings",
]
