"""Builds the resources of an import from the settings: decoders, web services, flavor sources."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from wkmp_orm.audio import AnalysisOptions, sha256_of
from wkmp_orm.audio.decoders import Decoders, ElsewhereDecoders, number_of_processors
from wkmp_orm.audio.first_look import FirstLook, look_at
from wkmp_orm.audio.flavor import AcousticBrainzFolder, EssentiaSource, essentia_is_installed
from wkmp_orm.core.remedies import Note, install
from wkmp_orm.errors import ConfigurationError, NoDecoderError
from wkmp_orm.orchestrator.scan import DEFAULT_EXTENSIONS
from wkmp_orm.orchestrator.services import services_of
from wkmp_orm.orchestrator.traces import traced_decoder
from wkmp_orm.remedies import set_setting
from wkmp_orm.settings import (
    ACOUSTICBRAINZ_FOLDER,
    AI_LONGWORK_YIELD_INTERVAL_MS,
    AI_PROCESSING_THREAD_COUNT,
    APPLY_A_WEIGHTING,
    LEAD_IN_THRESHOLD_DB,
    LEAD_OUT_THRESHOLD_DB,
    MAX_LEAD_IN_DURATION_S,
    MAX_LEAD_OUT_DURATION_S,
    MINIMUM_PASSAGE_AUDIO_DURATION_TICKS,
    QUICK_RAMP_DURATION_S,
    QUICK_RAMP_THRESHOLD,
    RMS_WINDOW_MS,
    SILENCE_MIN_DURATION_TICKS,
    SILENCE_THRESHOLD_DB,
    WORKING_SAMPLE_RATE,
)

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from wkmp_orm.audio.flavor import Flavor, FlavorSource
    from wkmp_orm.library import Library
    from wkmp_orm.matching import AcoustidClient, MusicBrainzClient
    from wkmp_orm.orchestrator.options import ImportOptions
    from wkmp_orm.orchestrator.statistics import Statistics
    from wkmp_orm.phases import PendingSong
    from wkmp_orm.settings import SettingsSnapshot

NO_FLAVOR_SOURCE = Note(
    "There is no source of musical flavor, so songs stay without one until an import finds one",
    set_setting("acousticbrainz_folder", "FOLDER"),
    install("essentia"),
)


@dataclass(frozen=True, slots=True)
class ImportConfig:
    """The resources of an import, as far as the settings ask for them and they are installed.

    `notes` name missing resources that a user may want, each once. `analysis` says how sound is
    divided and measured. `decoders` is the number of decoder processes; `elsewhere`, if given,
    replaces them with the workers of an executor.
    """

    analysis: AnalysisOptions
    decoders: int
    elsewhere: ElsewhereDecoders | None
    acoustid: AcoustidClient | None
    musicbrainz: MusicBrainzClient | None
    flavor_sources: tuple[FlavorSource, ...]
    notes: tuple[Note, ...]

    @classmethod
    @contextmanager
    def of(
        cls,
        settings: SettingsSnapshot,
        stop: threading.Event,
        options: ImportOptions,
    ) -> Iterator[Self]:
        """Yield the configuration for a `with` block; `stop` ends every wait for a service.

        It uses these options: `flavor_sources` replace the sources that the settings name, and
        `executor` with `paths`. Raises ConfigurationError for what cannot be used.
        """
        executor, paths = options.get("executor"), options.get("paths")
        if paths and executor is None:
            raise ConfigurationError("paths are for the workers of an executor, and none is given")
        elsewhere = None if executor is None else ElsewhereDecoders(executor, paths)
        given = options.get("flavor_sources")
        sources = _sources(settings) if given is None else tuple(given)
        with services_of(settings, stop) as services:
            yield cls(
                analysis=analysis_options(settings),
                decoders=settings.get(AI_PROCESSING_THREAD_COUNT) or number_of_processors(),
                elsewhere=elsewhere,
                acoustid=services.acoustid,
                musicbrainz=services.musicbrainz,
                flavor_sources=sources,
                notes=services.notes if sources else (*services.notes, NO_FLAVOR_SOURCE),
            )

    @contextmanager
    def unpacked(
        self,
        library: Library,
        session_id: str,
        statistics: Statistics,
        stop: threading.Event,
        workers: int,
    ) -> Iterator[ImportContext]:
        """Yield the context for this number of workers. Decoders start at their first use.

        There are at most as many decoders as workers, since each worker uses one at a time.
        """
        with closing(self.elsewhere or self._own_decoders(workers)) as decoders:
            yield ImportContext(
                library=library,
                session_id=session_id,
                statistics=statistics,
                stop=stop,
                analysis=self.analysis,
                acoustid=self.acoustid,
                musicbrainz=self.musicbrainz,
                flavor_sources=self.flavor_sources,
                _decoders=decoders,
            )

    def parameters(self, workers: int) -> dict[str, Any]:
        """Return the parameters that the session's row stores, for this number of workers."""
        return {
            "scan_subdirectories": True,
            "file_extensions": sorted(DEFAULT_EXTENSIONS),
            "skip_hidden_files": True,
            "parallelism": workers,
            # Missing resources are stored, so that the user is not told of them at every import.
            "notes": [note.what for note in self.notes],
        }

    def hash_of(self, place: Path, stop: threading.Event) -> str:
        """Return the SHA-256 of a file. Raises SoundFileError, AnalysisCancelledError."""
        if self.elsewhere is None:
            return sha256_of(place)
        look: FirstLook = self.elsewhere.run(look_at, place, tags=False, cancelled=stop.is_set)
        return look.sha256

    def _own_decoders(self, workers: int) -> Decoders:
        interval_s = self.analysis.yield_interval_ms / 1000
        return Decoders(min(self.decoders, workers), interval_s=interval_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportContext:
    """The resources that the workers of one import share. Any of their threads may call it."""

    library: Library
    session_id: str
    statistics: Statistics
    stop: threading.Event
    analysis: AnalysisOptions
    acoustid: AcoustidClient | None
    musicbrainz: MusicBrainzClient | None
    flavor_sources: tuple[FlavorSource, ...]
    _decoders: Decoders | ElsewhereDecoders

    @property
    def reads_elsewhere(self) -> bool:
        """Whether the workers of an executor read the files, instead of this machine."""
        return isinstance(self._decoders, ElsewhereDecoders)

    @property
    def asks_acoustid(self) -> bool:
        """Whether fingerprints are useful: AcoustID is configured and still answers."""
        return self.acoustid is not None and not self.acoustid.is_left_alone

    def compute(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function of `wkmp_orm.audio` in a decoder; the import's stop cancels the call.

        Raises the function's errors, AnalysisCancelledError if the import is being stopped, and
        NoDecoderError, which ends the import, if this installation cannot decode any file.
        """
        self.statistics.waits()
        try:
            with traced_decoder(self.library.tracing) as tell_begun:

                def begun() -> None:
                    self.statistics.goes_on()
                    tell_begun()

                return self._decoders.run(
                    function, *args, cancelled=self.stop.is_set, begun=begun, **kwargs
                )
        except ConfigurationError as error:
            raise NoDecoderError(*error.args) from error

    def ask_for_flavor(self, source: FlavorSource, song: PendingSong, place: Path) -> Flavor | None:
        """Return a source's flavor for a song in the file at `place`, or None.

        Essentia computes for seconds and holds the GIL meanwhile, so it runs in a decoder. Other
        sources run in this thread.
        """
        question: dict[str, Any] = {
            "recording_mbid": song.recording_mbid,
            "path": place,
            "start_time_ticks": song.start_time_ticks,
            "end_time_ticks": song.end_time_ticks,
        }
        if isinstance(source, EssentiaSource):
            computed: Flavor | None = self.compute(source.flavor, **question)
            return computed
        return source.flavor(**question, cancelled=self.stop.is_set)


def analysis_options(settings: SettingsSnapshot) -> AnalysisOptions:
    """Return the settings for dividing and measuring sound. Raises SettingError."""
    return AnalysisOptions(
        silence_threshold_db=settings.get(SILENCE_THRESHOLD_DB),
        silence_min_duration_ticks=settings.get(SILENCE_MIN_DURATION_TICKS),
        minimum_passage_audio_duration_ticks=settings.get(MINIMUM_PASSAGE_AUDIO_DURATION_TICKS),
        lead_in_threshold_db=settings.get(LEAD_IN_THRESHOLD_DB),
        lead_out_threshold_db=settings.get(LEAD_OUT_THRESHOLD_DB),
        rms_window_ms=settings.get(RMS_WINDOW_MS),
        quick_ramp_threshold=settings.get(QUICK_RAMP_THRESHOLD),
        quick_ramp_duration_s=settings.get(QUICK_RAMP_DURATION_S),
        max_lead_in_duration_s=settings.get(MAX_LEAD_IN_DURATION_S),
        max_lead_out_duration_s=settings.get(MAX_LEAD_OUT_DURATION_S),
        apply_a_weighting=settings.get(APPLY_A_WEIGHTING),
        working_sample_rate=settings.get(WORKING_SAMPLE_RATE),
        yield_interval_ms=settings.get(AI_LONGWORK_YIELD_INTERVAL_MS),
    )


def _sources(settings: SettingsSnapshot) -> tuple[FlavorSource, ...]:
    """Return the flavor sources in order: reading a document is quick, computing takes seconds."""
    sources: list[FlavorSource] = []
    if folder := (settings.get(ACOUSTICBRAINZ_FOLDER) or "").strip():
        sources.append(AcousticBrainzFolder(folder))
    if essentia_is_installed():
        sources.append(EssentiaSource())
    return tuple(sources)
