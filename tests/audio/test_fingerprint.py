"""Fingerprints are alike for what sounds alike, whichever backend makes them."""

from __future__ import annotations

import base64
import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from wkmp_orm.audio import fingerprint_backend
from wkmp_orm.audio.fingerprint import (
    LONGEST_S,
    SAMPLE_RATE,
    Ffmpeg,
    FingerprintFailedError,
    Fpcalc,
    Library,
    available,
    fingerprinter,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wkmp_orm.audio.fingerprint import Fingerprinter


def music(seed: int, seconds: int = 20) -> bytes:
    """Make PCM in which something goes on: a new chord every half second."""
    numbers = np.random.default_rng(seed)
    time = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
    chords = [
        sum(np.sin(2 * np.pi * hertz * time) for hertz in numbers.uniform(100, 2_000, 4))
        for _ in range(2 * seconds)
    ]
    return (6_000 * np.concatenate(chords)).astype("<i2").tobytes()


@pytest.fixture(autouse=True)
def look_again() -> Iterator[None]:
    """Let each test look for backends, and the tests after them again."""
    fingerprinter.cache_clear()
    yield
    fingerprinter.cache_clear()


@pytest.fixture
def backend() -> Fingerprinter:
    """Give the best backend there is: the tests' own extra brings one."""
    found = fingerprinter()
    assert found is not None
    return found


def header(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))[:4]


def test_a_fingerprint_is_compressed_chromaprint_as_text(backend: Fingerprinter) -> None:
    made = backend.fingerprint(music(1))
    assert made.isascii()
    algorithm, *length = header(made)
    assert algorithm == 1
    # 20 s at 8 per second, less the first ones.
    assert int.from_bytes(bytes(length)) == pytest.approx(140, abs=25)


def test_the_same_sound_has_the_same_fingerprint_and_another_one_another(
    backend: Fingerprinter,
) -> None:
    assert backend.fingerprint(music(1)) == backend.fingerprint(music(1))
    assert backend.fingerprint(music(1)) != backend.fingerprint(music(2))


def test_as_much_as_is_asked_for_can_be_given(backend: Fingerprinter) -> None:
    assert len(backend.fingerprint(music(3, LONGEST_S))) > 1_000


@pytest.mark.smoke
def test_all_backends_that_are_here_make_nearly_the_same() -> None:
    prints = {each.name: each.fingerprint(music(1)) for each in available()}
    assert len({header(made) for made in prints.values()}) == 1, prints


def test_the_name_of_the_backend_is_told(backend: Fingerprinter) -> None:
    assert fingerprint_backend() == backend.name


def without(monkeypatch: pytest.MonkeyPatch, *modules: str, programs: bool) -> None:
    whole = importlib.import_module

    def hidden(name: str, package: str | None = None) -> types.ModuleType:
        if name in modules:
            raise ModuleNotFoundError(name)
        return whole(name, package)

    monkeypatch.setattr(importlib, "import_module", hidden)
    if not programs:
        monkeypatch.setenv("PATH", "")


def test_where_there_is_no_backend_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "chromaprint", "imageio_ffmpeg", programs=False)
    assert list(available()) == []
    assert fingerprint_backend() is None


def test_an_unrelated_package_of_that_name_is_not_taken_for_the_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "chromaprint", types.ModuleType("chromaprint"))
    assert "libchromaprint" not in {each.name for each in available()}


class FakeLibrary(types.ModuleType):
    """The module of pyacoustid, as far as it is used."""

    class FingerprintError(Exception):
        """What it raises."""

    def __init__(self, answer: bytes | Exception) -> None:
        super().__init__("chromaprint")
        self.fed: list[Any] = []
        fed, error = self.fed, self.FingerprintError

        class Fingerprinter:
            def start(self, rate: int, channels: int) -> None:
                fed.append((rate, channels))

            def feed(self, pcm: bytes) -> None:
                fed.append(pcm)

            def finish(self) -> bytes:
                if isinstance(answer, Exception):
                    raise error(str(answer))
                return answer

        self.Fingerprinter = Fingerprinter


def test_the_library_is_given_the_sound_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    module = FakeLibrary(b"AQAAfingerprint")
    monkeypatch.setitem(sys.modules, "chromaprint", module)
    best = fingerprinter()
    assert isinstance(best, Library)
    assert best.fingerprint(b"\x01\x00") == "AQAAfingerprint"
    assert module.fed == [(SAMPLE_RATE, 1), b"\x01\x00"]


def test_what_the_library_raises_is_a_failed_fingerprint() -> None:
    library = Library(FakeLibrary(ValueError("allocation failed")))
    with pytest.raises(FingerprintFailedError, match="libchromaprint: allocation failed"):
        library.fingerprint(b"")


def program(place: Path, script: str) -> str:
    place.write_text(f"#!/bin/sh\n{script}\n")
    place.chmod(0o755)
    return str(place)


def test_fpcalc_is_told_what_the_sound_is_like(tmp_path: Path) -> None:
    said = tmp_path / "said"
    fpcalc = Fpcalc(program(tmp_path / "fpcalc", f'echo "$@" > {said}; wc -c | tr -d " "'))
    assert fpcalc.fingerprint(bytes(1_234)) == "1234"
    assert said.read_text() == "-plain -length 120 -format s16le -rate 11025 -channels 1 -\n"


def test_fpcalc_that_stumbles_over_the_end_has_printed_its_answer(tmp_path: Path) -> None:
    script = "cat > /dev/null; echo AQAA; echo 'Error decoding' >&2; exit 3"
    assert Fpcalc(program(tmp_path / "fpcalc", script)).fingerprint(b"") == "AQAA"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo one >&2; echo the last word >&2; exit 2", "fpcalc: the last word"),
        ("exit 7", "fpcalc: 7"),
        ("cat > /dev/null", "the fingerprint is empty"),
    ],
    ids=["says why", "says nothing", "prints nothing"],
)
def test_a_program_that_fails_is_quoted(tmp_path: Path, script: str, reason: str) -> None:
    with pytest.raises(FingerprintFailedError, match=reason):
        Fpcalc(program(tmp_path / "fpcalc", script)).fingerprint(b"")


def test_a_program_that_is_gone_is_a_failed_fingerprint(tmp_path: Path) -> None:
    with pytest.raises(FingerprintFailedError, match="ffmpeg: FileNotFoundError"):
        Ffmpeg(str(tmp_path / "ffmpeg")).fingerprint(b"")


def test_an_ffmpeg_without_chromaprint_is_no_backend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "chromaprint", "imageio_ffmpeg", programs=True)
    monkeypatch.setenv("PATH", str(tmp_path))
    program(tmp_path / "ffmpeg", "echo \"Unknown format 'chromaprint'.\"")
    assert list(available()) == []
    program(tmp_path / "ffmpeg", "echo 'Muxer chromaprint [Chromaprint]'")
    assert [each.name for each in available()] == ["ffmpeg"]


@pytest.mark.parametrize("path", ["", ".", ":/nowhere:", "music/.."], ids=repr)
def test_no_program_of_the_current_folder_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    without(monkeypatch, "chromaprint", programs=True)
    (tmp_path / "music").mkdir()
    for name in ("fpcalc", "ffmpeg", "ldconfig", "gcc"):
        program(tmp_path / name, f"echo chromaprint; : > {tmp_path}/was-run")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", path)
    for backend in available():
        assert backend.fingerprint(music(1))
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "ffmpeg")
    assert list(available()) == []
    assert not (tmp_path / "was-run").exists()


def test_a_program_that_the_user_names_by_its_path_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "chromaprint", programs=False)
    able = program(tmp_path / "mine", "echo 'Muxer chromaprint [Chromaprint]'")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", able)
    assert [each.name for each in available()] == ["ffmpeg"]


def test_programs_are_started_outside_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fpcalc = Fpcalc(program(tmp_path / "fpcalc", "cat > /dev/null; pwd"))
    monkeypatch.chdir(tmp_path)
    assert fpcalc.fingerprint(b"") != str(tmp_path)
