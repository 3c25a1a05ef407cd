"""One file of the standard work through the phases after scanning, as an import takes it.

Everything that a phase would compute or ask is made up here, so only the database is left.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks.contenders.by_phase import recorded_passages
from tests.benchmarks.work import PASSAGES_PER_FILE, SONG_TICKS
from wkmp_orm import Phase
from wkmp_orm.audio.flavor import Flavor
from wkmp_orm.phases import (
    FileMetadata,
    PassageAmplitude,
    finalize_file,
    in_unit_of_work,
    is_duplicate,
    pending_songs,
    read_answers,
    record_acoustid,
    record_amplitude,
    record_answers,
    record_flavors,
    record_hash,
    record_metadata,
    record_passages,
    request_key,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.work import Recording, Track
    from wkmp_orm import Library, UnitOfWork

LEAD_TICKS: Final = SONG_TICKS // 40
FLAVOR: Final = Flavor(
    {f"highlevel.{name}": 0.5 for name in ("danceability", "gender", "mood", "timbre", "voice")},
    "AcousticBrainz",
)


def import_file(library: Library, guid: str, recording: Recording) -> None:
    """Take one file through the phases after scanning, each of them with changes."""
    for run in phases_of(library, guid, recording).values():
        run()


def phases_of(library: Library, guid: str, recording: Recording) -> dict[str, Callable[[], object]]:
    """Return the phases after scanning, by name, in their order; each writes when it is called."""
    digest = sha256(recording.path.encode()).hexdigest()
    passages = recorded_passages(recording)
    amplitudes = [_amplitude(track) for track in recording.tracks]
    by_sound = {
        request_key(f"sound of {each.song.recording_mbid}"): each for each in recording.tracks
    }
    by_recording = {track.song.recording_mbid: track for track in recording.tracks}
    metadata = _metadata(recording)

    def write(phase: Phase, fill: Callable[[UnitOfWork], object]) -> Callable[[], object]:
        return lambda: in_unit_of_work(library, phase, fill)

    def ask(phase: Phase, service: str, questions: dict[str, Track]) -> Callable[[], object]:
        return lambda: _ask(library, phase, service, questions)

    def elect() -> None:
        in_unit_of_work(
            library, Phase.HASH_DEDUPLICATION, lambda work: record_hash(work, guid, digest)
        )
        _asked(is_duplicate, library, guid)

    def flavor() -> None:
        flavors = {song.guid: FLAVOR for song in _asked(pending_songs, library, guid)}
        in_unit_of_work(library, Phase.FLAVORING, lambda work: record_flavors(work, guid, flavors))

    return {
        Phase.HASH_DEDUPLICATION: elect,
        Phase.METADATA_EXTRACTION: write(
            Phase.METADATA_EXTRACTION, lambda work: record_metadata(work, recording.path, metadata)
        ),
        Phase.FINGERPRINTING: ask(Phase.FINGERPRINTING, "acoustid", by_sound),
        Phase.SONG_MATCHING: ask(Phase.SONG_MATCHING, "musicbrainz", by_recording),
        Phase.RECORDING: write(Phase.RECORDING, lambda work: record_passages(work, guid, passages)),
        Phase.AMPLITUDE: write(
            Phase.AMPLITUDE, lambda work: record_amplitude(work, guid, amplitudes)
        ),
        Phase.FLAVORING: flavor,
        Phase.FINALIZATION: write(
            Phase.FINALIZATION, lambda work: finalize_file(work, guid, songs_settled=True)
        ),
    }


def _asked(question: Callable[..., Any], library: Library, *of: Any) -> Any:
    """Ask what a phase reads; older revisions, with which this one is compared, take a Session."""
    if question.__code__.co_varnames[0] == "library":
        return question(library, *of)
    with library.reader() as session:
        return question(session, *of)


def _ask(library: Library, phase: Phase, service: str, questions: dict[str, Track]) -> None:
    """Keep a service's answers to the questions that it was not asked before."""
    known = _asked(read_answers, library, service, questions)
    news = {key: _answer(track) for key, track in questions.items() if key not in known}

    def fill(work: UnitOfWork) -> None:
        record_answers(work, service, news)
        if phase is Phase.FINGERPRINTING:
            record_acoustid(work, {key: questions[key].song.recording_mbid for key in news})

    in_unit_of_work(library, phase, fill)


def _answer(track: Track) -> dict[str, Any]:
    song = track.song
    artist = {"id": song.artist_mbid, "name": song.artist_name}
    return {"id": song.recording_mbid, "title": song.title, "artists": [artist]}


def _amplitude(track: Track) -> PassageAmplitude:
    measured = {"rms_db": -17.5, "peak_db": -0.25, "lead_in_ms": 5_000, "lead_out_ms": 5_000}
    lead_in, lead_out = track.start + LEAD_TICKS, track.end - LEAD_TICKS
    return PassageAmplitude(track.start, track.end, lead_in, lead_out, measured)


def _metadata(recording: Recording) -> FileMetadata:
    return FileMetadata(
        title=recording.album_title,
        album=recording.album_title,
        duration_ticks=PASSAGES_PER_FILE * SONG_TICKS,
        format="flac",
        sample_rate=44_100,
        channels=2,
    )
