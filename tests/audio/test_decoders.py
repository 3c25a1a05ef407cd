"""Functions run in decoder processes as they would here, and whatever a process does to itself."""

from __future__ import annotations

import itertools
import logging
import multiprocessing.spawn
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.support.patience import PATIENCE_S
from tests.support.sound import make_rip, make_sound
from wkmp_orm.audio import AnalysisOptions, analyse, trusted
from wkmp_orm.audio.decoders import Decoders, number_of_processors, pool
from wkmp_orm.audio.decoders.decoder import Decoder
from wkmp_orm.errors import AnalysisCancelledError, ConfigurationError, SoundFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OPTIONS = AnalysisOptions(yield_interval_ms=100)


def never() -> bool:
    return False


@pytest.fixture
def decoders() -> Iterator[Decoders]:
    """Give two decoders, none of which has been started."""
    with Decoders(2, interval_s=0.1) as made:
        yield made


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Decoder]:
    """Give the list of all decoders that are started from now on."""
    made: list[Decoder] = []

    class Counted(Decoder):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

    monkeypatch.setattr(pool, "Decoder", Counted)
    return made


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """Make a file that takes a third of a second."""
    return make_sound(tmp_path / "long.flac", seconds=300, channels=1)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.smoke
def test_an_analysis_is_the_same_there_as_here(tmp_path: Path, decoders: Decoders) -> None:
    path = tmp_path / "album.mp3"
    make_rip(path, [("tone", 12), ("silence", 2), ("noise", 11)])
    there = decoders.run(analyse, path, OPTIONS, cancelled=never, fingerprint=True)
    assert there == analyse(path, OPTIONS, fingerprint=True)
    assert len(there.passages) == 2


@pytest.mark.smoke
def test_what_it_raises_is_raised_here_and_the_decoder_lives_on(
    tmp_path: Path, decoders: Decoders, started: list[Decoder]
) -> None:
    (tmp_path / "bad.mp3").write_text("no sound")
    with pytest.raises(SoundFileError, match="its sound cannot be decoded") as caught:
        decoders.run(analyse, tmp_path / "bad.mp3", OPTIONS, cancelled=never)
    assert any("Traceback" in note for note in caught.value.__notes__)
    good = make_sound(tmp_path / "good.mp3")
    assert decoders.run(analyse, good, OPTIONS, cancelled=never).passages
    assert len(started) == 1


def test_one_is_started_when_it_is_needed_used_again_and_ended_with_the_block(
    tmp_path: Path, started: list[Decoder]
) -> None:
    path = make_sound(tmp_path / "song.flac")
    with Decoders(2) as decoders:
        assert started == []
        for _ in range(5):
            decoders.run(analyse, path, OPTIONS, cancelled=never)
        (only,) = started
        assert only.is_alive
    assert not only.is_alive


def test_no_more_work_at_once_than_there_are(tmp_path: Path, started: list[Decoder]) -> None:
    path = make_sound(tmp_path / "song.flac", seconds=5)
    begun = []
    with Decoders(2) as decoders:
        threads = [
            threading.Thread(
                target=decoders.run,
                args=(analyse, path, OPTIONS),
                kwargs={"cancelled": never, "begun": lambda: begun.append(time.monotonic())},
            )
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(begun) == 6
    assert len(started) == 2


@pytest.mark.smoke
def test_a_decoder_that_is_killed_is_that_files_failure_and_the_next_file_gets_another(
    long: Path, decoders: Decoders, started: list[Decoder], caplog: pytest.LogCaptureFixture
) -> None:
    decoders.run(analyse, long, OPTIONS, cancelled=never)
    looks = itertools.count()

    def kill() -> bool:  # asked every 50 ms: first before it begins, then in the middle of it
        if next(looks) == 1:
            os.kill(started[0].pid, signal.SIGKILL)
        return False

    with pytest.raises(SoundFileError, match=r"its decoding crashed \(SIGKILL\)"):
        decoders.run(analyse, long, OPTIONS, cancelled=kill)
    assert "a decoder crashed (SIGKILL) and is replaced" in caplog.text
    assert decoders.run(analyse, long, OPTIONS, cancelled=never).passages
    assert len(started) == 2


def test_one_that_died_while_nobody_used_it_harms_no_file(
    tmp_path: Path, decoders: Decoders, started: list[Decoder]
) -> None:
    path = make_sound(tmp_path / "song.flac")
    decoders.run(analyse, path, OPTIONS, cancelled=never)
    os.kill(started[0].pid, signal.SIGKILL)
    until(lambda: not started[0].is_alive)
    assert decoders.run(analyse, path, OPTIONS, cancelled=never).passages


def test_what_is_cancelled_ends_and_its_decoder_goes_on_with_the_next(
    long: Path, decoders: Decoders, started: list[Decoder]
) -> None:
    decoders.run(analyse, long, OPTIONS, cancelled=never)
    looks = itertools.count()
    with pytest.raises(AnalysisCancelledError, match="nothing was kept of it"):
        # Not before it begins, but as soon as it has.
        decoders.run(analyse, long, OPTIONS, cancelled=lambda: next(looks) > 0)
    assert decoders.run(analyse, long, OPTIONS, cancelled=never).passages
    assert len(started) == 1


def test_one_that_does_not_heed_it_is_killed(
    long: Path, decoders: Decoders, started: list[Decoder]
) -> None:
    decoders.run(analyse, long, OPTIONS, cancelled=never)

    looks = itertools.count()

    def freeze() -> bool:
        if next(looks) == 0:  # before it begins
            return False
        os.kill(started[0].pid, signal.SIGSTOP)
        return True

    with pytest.raises(AnalysisCancelledError, match="did not heed it"):
        decoders.run(analyse, long, OPTIONS, cancelled=freeze)
    assert not started[0].is_alive
    assert decoders.run(analyse, long, OPTIONS, cancelled=never).passages


def test_nothing_is_begun_when_it_is_cancelled_before(
    decoders: Decoders, started: list[Decoder]
) -> None:
    with pytest.raises(AnalysisCancelledError, match="before a decoder was free"):
        decoders.run(analyse, cancelled=lambda: True)
    assert started == []


def test_a_python_that_cannot_be_started_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoders: Decoders
) -> None:
    monkeypatch.setattr(multiprocessing.spawn, "_python_exe", str(tmp_path / "python"))
    with pytest.raises(ConfigurationError, match=r"multiprocessing\.set_executable"):
        decoders.run(analyse, cancelled=never)


def test_a_program_that_is_no_python_is_named_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoders: Decoders
) -> None:
    impostor = tmp_path / "python"
    impostor.write_text("#!/bin/sh\nexit 3\n")
    impostor.chmod(0o755)
    monkeypatch.setattr(multiprocessing.spawn, "_python_exe", str(impostor))
    with pytest.raises(ConfigurationError, match="ended with exit code 3"):
        decoders.run(analyse, cancelled=never)


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """Make a folder of modules that note that they were run, under names that are looked for."""
    folder = tmp_path / "album"
    folder.mkdir()
    note = "open({place!r}, 'a').write({name!r} + '\\n')\n"
    # fmt: off
    names = ("types", "signal", "pickle", "av", "numpy", "soundfile", "mediafile", "wkmp_orm",
             "sitecustomize", "usercustomize", "chromaprint", "imageio_ffmpeg", "essentia")
    # fmt: on
    for name in names:
        text = note.format(place=str(folder / "was-run"), name=name)
        (folder / f"{name}.py").write_text(text)
    (folder / "a.pth").write_text(f"import sys; open({str(folder / 'was-run')!r}, 'a')\n")
    (folder / "pyvenv.cfg").write_text("home = .\ninclude-system-site-packages = false\n")
    return folder


@pytest.mark.parametrize("entry", ["", ".", "the folder itself"])
def test_nothing_of_the_current_folder_is_run_in_them(
    tmp_path: Path,
    hostile: Path,
    monkeypatch: pytest.MonkeyPatch,
    decoders: Decoders,
    entry: str,
) -> None:
    song = make_sound(tmp_path / "song.flac", seconds=12)
    monkeypatch.chdir(hostile)
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.syspath_prepend(str(hostile) if entry == "the folder itself" else entry)
    assert decoders.run(analyse, song, OPTIONS, cancelled=never, fingerprint=True).passages
    assert not (hostile / "was-run").exists()


def test_what_was_installed_in_the_current_folder_with_the_package_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoders: Decoders
) -> None:
    song = make_sound(tmp_path / "song.flac")
    monkeypatch.chdir(trusted.PACKAGE.parent)
    monkeypatch.syspath_prepend(str(trusted.PACKAGE.parent))
    assert str(trusted.PACKAGE.parent) in trusted.module_folders()
    assert decoders.run(analyse, song, OPTIONS, cancelled=never).passages


@pytest.mark.parametrize(("spelling", "runs"), [("python", False), ("./python", True)])
def test_a_python_is_run_from_the_current_folder_only_if_it_is_named_by_its_path(
    hostile: Path, monkeypatch: pytest.MonkeyPatch, decoders: Decoders, spelling: str, *, runs: bool
) -> None:
    (hostile / "python").write_text(f"#!/bin/sh\n: > {hostile}/was-run\nexit 3\n")
    (hostile / "python").chmod(0o755)
    monkeypatch.chdir(hostile)
    monkeypatch.setenv("PATH", ":.:")
    monkeypatch.setattr(multiprocessing.spawn, "_python_exe", spelling)
    with pytest.raises(ConfigurationError, match=r"multiprocessing\.set_executable"):
        decoders.run(analyse, cancelled=never)
    assert (hostile / "was-run").exists() is runs


PARENT = """
import sys, threading, time
from pathlib import Path
from wkmp_orm.audio import AnalysisOptions, analyse
from wkmp_orm.audio.decoders import Decoders

decoders = Decoders(1)
decoders.run(analyse, Path(sys.argv[1]), AnalysisOptions(), cancelled=lambda: False)
print("ready", flush=True)
while True:  # a signal just before a long sleep would be heard at its end
    time.sleep(0.1)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_decoders_end_with_their_parent_however_that_ends(
    tmp_path: Path, number: signal.Signals
) -> None:
    path = make_sound(tmp_path / "song.flac")
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as parent:
        try:
            assert parent.stdout is not None
            assert parent.stdout.readline() == b"ready\n"
            (child,) = psutil.Process(parent.pid).children()
            parent.send_signal(number)
            parent.wait(PATIENCE_S)
        finally:
            parent.kill()
        gone, alive = psutil.wait_procs([child], timeout=PATIENCE_S)
    assert (len(gone), alive) == (1, [])


def test_a_terminals_ctrl_c_does_not_reach_them(
    tmp_path: Path, decoders: Decoders, started: list[Decoder]
) -> None:
    path = make_sound(tmp_path / "song.flac")
    decoders.run(analyse, path, OPTIONS, cancelled=never)
    assert os.getpgid(started[0].pid) != os.getpgid(0)
    os.kill(started[0].pid, signal.SIGINT)
    assert decoders.run(analyse, path, OPTIONS, cancelled=never).passages
    assert len(started) == 1


def test_they_know_no_database(tmp_path: Path, decoders: Decoders) -> None:
    """The package's own __init__ would bring SQLAlchemy: 40 MB and 0.6 s for each of them."""
    path = make_sound(tmp_path / "song.flac")
    decoders.run(analyse, path, OPTIONS, cancelled=never)
    decoder = decoders._idle.queue[-1]
    assert decoder is not None
    maps = {each.path for each in psutil.Process(decoder.pid).memory_maps()}
    assert not any("sqlalchemy" in place or "sqlite" in place for place in maps)
    assert any("av" in place for place in maps)


def test_there_are_as_many_processors_as_this_process_may_use() -> None:
    assert 1 <= number_of_processors() <= (os.cpu_count() or 1)


def test_what_codecs_print_is_shown_only_to_those_who_debug(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    broken = make_sound(tmp_path / "song.mp3", seconds=5)
    content = bytearray(broken.read_bytes())
    content[20_000:40_000] = os.urandom(20_000)
    broken.write_bytes(content)
    with Decoders(1) as decoders:
        decoders.run(analyse, broken, OPTIONS, cancelled=never)
    assert capfd.readouterr().err == ""
    with caplog.at_level(logging.DEBUG, "wkmp_orm.audio"), Decoders(1) as decoders:
        answer: Any = decoders.run(analyse, broken, OPTIONS, cancelled=never)
    assert answer.passages
