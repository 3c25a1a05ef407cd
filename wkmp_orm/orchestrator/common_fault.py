"""Distinguishes a fault that affects every file from the faults of single files."""

from __future__ import annotations

import sys
import threading
from importlib import metadata
from typing import TYPE_CHECKING, Final

from wkmp_orm.errors import EveryFileFailsError
from wkmp_orm.phase import Phase

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wkmp_orm.orchestrator.file_in_progress import FileInProgress, WaitingFile
    from wkmp_orm.orchestrator.waiting import Queue

ENOUGH: Final = 5
"""If this many files fail alike and none got past that phase, the fault affects every file."""
SUSPICIOUS: Final = 3
"""After this many, the next files are taken from the other end, most likely another album."""
FROM_ELSEWHERE: Final = 2
"""This many of those must fail as well. Otherwise one bad album at the beginning would stop every
import, and the next import would begin with the same files."""

_LIBRARIES: Final = {
    Phase.METADATA_EXTRACTION: ("mediafile", "mutagen"),
    Phase.SEGMENTATION: ("av", "soundfile", "numpy"),
    Phase.FINGERPRINTING: ("httpx2",),
    Phase.SONG_MATCHING: ("httpx2",),
    Phase.FLAVORING: ("essentia",),
}
"""The libraries that a phase uses: with an incompatible version, every file fails."""


class CommonFault:
    """Records which phases files pass and where they fail unexpectedly. Any thread may call it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._passed: set[str] = set()
        self._kind: tuple[str, type[BaseException], str] | None = None
        self._alike = 0
        self._elsewhere: set[Path] = set()
        self._from_elsewhere = 0
        self._left = 0

    def spread(self, files: Queue) -> Iterator[WaitingFile]:
        """Yield files in their order, but from the other end while all of them fail alike."""
        while True:
            with self._lock:
                suspicious = self._alike >= SUSPICIOUS
            file = files.take(from_end=suspicious)
            if file is None:
                return
            with self._lock:
                self._left = len(files)
                if suspicious:
                    self._elsewhere.add(file.place)
            yield file

    def passed(self, phase: str) -> None:
        """Record that a file got past a phase: later failures in it are the files' own."""
        with self._lock:
            self._passed.add(phase)

    def met(self, file: FileInProgress, phase: str, error: BaseException, reason: str) -> None:
        """Record an unexpected error. Raises EveryFileFailsError if it affects every file."""
        kind = (phase, type(error), reason.replace(file.path, "..."))
        with self._lock:
            if kind != self._kind:
                self._kind, self._alike, self._from_elsewhere = kind, 0, 0
            self._alike += 1
            self._from_elsewhere += file.place in self._elsewhere
            common = (
                phase not in self._passed
                and self._alike >= ENOUGH
                and (self._from_elsewhere >= FROM_ELSEWHERE or not self._left)
            )
            if not common:
                return
            message = (
                f"{self._alike} files of different places failed in the phase {phase} with the same"
                f" error, and none got past it, so the files are not to blame: {kind[2]}."
                f" {_remedy(phase)} The other files wait for the next import"
            )
        raise EveryFileFailsError(message) from error


def _remedy(phase: str) -> str:
    if phase not in set(Phase):
        return "Mend that phase, which is the program's own."
    report = "report this with the traceback that was logged"
    used = [versions for name in _LIBRARIES.get(Phase(phase), ()) if (versions := _version(name))]
    if not used:
        return f"Please {report}."
    return (
        f"One of {', '.join(used)} may be too new or too old: run"
        f" {sys.executable} -m pip install --upgrade 'wkmp_orm[audio]'."
        f" If that does not help, please {report}."
    )


def _version(name: str) -> str | None:
    try:
        return f"{name} {metadata.version(name)}"
    except metadata.PackageNotFoundError:
        return None
