"""What an import has to work with is what the settings say and what is installed."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from tests.support.imports import sessions, statuses
from tests.support.sound import make_sound
from tests.support.web_services import web_services
from wkmp_orm import Library
from wkmp_orm.audio import AnalysisOptions
from wkmp_orm.audio.decoders import number_of_processors
from wkmp_orm.errors import ConfigurationError
from wkmp_orm.orchestrator import import_context, import_folder, services
from wkmp_orm.orchestrator.import_context import NO_FLAVOR_SOURCE, ImportConfig, analysis_options
from wkmp_orm.orchestrator.services import (
    KEY_STAYS_HERE,
    KEY_VARIABLE,
    NO_BACKEND,
    NO_CONTACT,
    NO_HTTPX,
    NO_KEY,
    URL_VARIABLE,
    acoustid_key_and_url,
)
from wkmp_orm.settings import SettingsSnapshot

if TYPE_CHECKING:
    from pathlib import Path


def snapshot(**stored: str | None) -> SettingsSnapshot:
    return SettingsSnapshot(stored)


def config(**stored: str | None) -> ImportConfig:
    with ImportConfig.of(snapshot(**stored), threading.Event(), {}) as made:
        return made


def test_the_defaults_of_the_settings_are_those_of_the_analysis() -> None:
    assert analysis_options(snapshot()) == AnalysisOptions()


def test_every_setting_of_the_analysis_reaches_it() -> None:
    stored = {
        "silence_threshold_dB": ("40", "silence_threshold_db", 40.0),
        "silence_min_duration_ticks": ("1", "silence_min_duration_ticks", 1),
        "minimum_passage_audio_duration_ticks": (
            "2",
            "minimum_passage_audio_duration_ticks",
            2,
        ),
        "lead_in_threshold_dB": ("50", "lead_in_threshold_db", 50.0),
        "lead_out_threshold_dB": ("51", "lead_out_threshold_db", 51.0),
        "rms_window_ms": ("30", "rms_window_ms", 30),
        "quick_ramp_threshold": ("0.5", "quick_ramp_threshold", 0.5),
        "quick_ramp_duration_s": ("2", "quick_ramp_duration_s", 2.0),
        "max_lead_in_duration_s": ("3", "max_lead_in_duration_s", 3.0),
        "max_lead_out_duration_s": ("4", "max_lead_out_duration_s", 4.0),
        "apply_a_weighting": ("false", "apply_a_weighting", False),
        "working_sample_rate": ("48000", "working_sample_rate", 48_000),
        "ai_longwork_yield_interval_ms": ("100", "yield_interval_ms", 100),
    }
    options = analysis_options(snapshot(**{name: text for name, (text, _, _) in stored.items()}))
    assert {field: getattr(options, field) for _, field, _ in stored.values()} == {
        field: value for _, field, value in stored.values()
    }
    assert len(stored) == len(AnalysisOptions.__slots__)


@pytest.mark.parametrize(("stored", "number"), [(None, number_of_processors()), ("5", 5)])
def test_there_is_a_decoder_for_every_processor_unless_the_setting_says_otherwise(
    stored: str | None, number: int
) -> None:
    assert config(ai_processing_thread_count=stored).decoders == number


@pytest.mark.parametrize(
    ("stored", "asked", "notes"),
    [
        ({}, (False, False), [NO_KEY]),
        ({"acoustid_api_key": "  "}, (False, False), [NO_KEY]),
        ({"acoustid_api_key": "key"}, (True, False), [NO_CONTACT]),
        ({"web_service_contact": "me@example.org"}, (False, True), [NO_KEY]),
        ({"acoustid_api_key": "key", "web_service_contact": "me@example.org"}, (True, True), []),
    ],
    ids=["nothing", "a blank key", "a key", "a contact", "both"],
)
def test_a_service_is_asked_when_it_can_be_and_else_a_note_says_why_not(
    stored: dict[str, str], asked: tuple[bool, bool], notes: list[str], home: Path
) -> None:
    made = config(**stored)
    assert (made.acoustid is not None, made.musicbrainz is not None) == asked
    assert list(made.notes) == notes


def test_without_what_asks_and_what_makes_fingerprints_notes_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setattr(services, "fingerprint_backend", lambda: None)
    made = config(acoustid_api_key="key", web_service_contact="me@example.org")
    assert made.acoustid is None
    assert made.musicbrainz is not None
    assert made.notes == (NO_BACKEND,)
    monkeypatch.setattr(services, "can_ask", lambda: False)
    assert config(acoustid_api_key="key").notes == (NO_HTTPX,)


def test_without_a_source_of_flavor_a_note_says_so(
    monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr(import_context, "essentia_is_installed", lambda: False)
    assert NO_FLAVOR_SOURCE in config().notes
    made = config(acousticbrainz_folder=str(tmp_path))
    assert [source.name for source in made.flavor_sources] == ["AcousticBrainz"]


def test_documents_are_asked_before_anything_is_computed(home: Path, tmp_path: Path) -> None:
    made = config(acousticbrainz_folder=str(tmp_path))
    assert [source.name for source in made.flavor_sources] == ["AcousticBrainz", "Essentia"]
    blank = config(acousticbrainz_folder=" ")
    assert [source.name for source in blank.flavor_sources] == ["Essentia"]


@pytest.mark.parametrize(
    ("url", "waits"),
    [
        ("https://api.acoustid.org/v2", True),
        ("https://ACOUSTID.org/v2", True),
        ("http://localhost:8080/v2", False),
        ("https://notacoustid.org/v2", False),
    ],
)
def test_only_the_public_services_are_asked_slowly(url: str, *, waits: bool) -> None:
    assert (services._interval(url, "acoustid.org", 0.35) == 0.35) is waits


def acoustid_key(settings: SettingsSnapshot, environ: dict[str, str]) -> str | None:
    return acoustid_key_and_url(settings, environ)[0]


def write_key(home: Path, content: str) -> Path:
    folder = home / ".config" / "wkmp"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "wkmp-ai.toml").write_text(content)
    return folder / "wkmp-ai.toml"


def test_the_key_comes_from_the_setting_the_environment_or_the_file_in_this_order(
    home: Path,
) -> None:
    environ = {"HOME": str(home)}
    assert acoustid_key(snapshot(), environ) is None
    write_key(home, 'acoustid_api_key = "in the file"')
    assert acoustid_key(snapshot(), environ) == "in the file"
    environ[KEY_VARIABLE] = " in the environment "
    assert acoustid_key(snapshot(), environ) == "in the environment"
    assert acoustid_key(snapshot(acoustid_api_key="in a setting"), environ) == "in a setting"
    environ[KEY_VARIABLE] = ""
    assert acoustid_key(snapshot(acoustid_api_key=" "), environ) == "in the file"


@pytest.mark.parametrize(
    "content", ["acoustid_api_key = 7", "other = 'x'"], ids=["no text", "no key"]
)
def test_a_file_without_a_key_has_none(home: Path, content: str) -> None:
    write_key(home, content)
    assert acoustid_key(snapshot(), {"HOME": str(home)}) is None


def test_a_file_that_is_no_toml_is_complained_of_and_left(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = write_key(home, 'acoustid_api_key = "hush" hush')
    assert acoustid_key(snapshot(), {"HOME": str(home)}) is None
    assert f"{file} is not read for a key" in caplog.text
    assert "hush" not in caplog.text


PUBLIC = "https://api.acoustid.org/v2"
ELSEWHERE = (
    "http://api.acoustid.org/v2",
    "https://api.acoustid.org:8443/v2",
    "https://acoustid.org/v2",
    "https://api.acoustid.org.example.org/v2",
    "https://api.acoustid.org@example.org/v2",
    "https://example.org\\@api.acoustid.org/v2",
    "https://example.org#@api.acoustid.org/v2",
    "http://127.0.0.1:8080/v2",
    "no URL at all",
    "",
)


@pytest.mark.parametrize("url", ELSEWHERE)
def test_a_key_of_the_users_own_is_not_sent_where_only_a_database_says(
    home: Path, url: str
) -> None:
    environ = {"HOME": str(home), KEY_VARIABLE: "my own"}
    assert acoustid_key_and_url(snapshot(acoustid_url=url), environ) == ("my own", None)
    write_key(home, 'acoustid_api_key = "my own"')
    assert acoustid_key_and_url(snapshot(acoustid_url=url), {"HOME": str(home)})[1] is None


@pytest.mark.parametrize("url", [PUBLIC, f"{PUBLIC}/", "https://API.acoustid.org:443/other"])
def test_a_key_of_the_users_own_is_sent_to_the_service_itself(home: Path, url: str) -> None:
    environ = {"HOME": str(home), KEY_VARIABLE: "my own"}
    assert acoustid_key_and_url(snapshot(acoustid_url=url), environ) == ("my own", url)
    assert acoustid_key_and_url(snapshot(), environ) == ("my own", PUBLIC)


def test_a_key_is_sent_where_the_user_says_the_environment_before_the_file(home: Path) -> None:
    environ = {"HOME": str(home), KEY_VARIABLE: "my own"}
    stored = snapshot(acoustid_url="http://example.org/")
    write_key(home, 'acoustid_url = "http://mirror.example/"')
    assert acoustid_key_and_url(stored, environ) == ("my own", "http://mirror.example/")
    environ[URL_VARIABLE] = "http://localhost:8080/"
    assert acoustid_key_and_url(stored, environ) == ("my own", "http://localhost:8080/")
    environ[URL_VARIABLE] = " "
    assert acoustid_key_and_url(stored, environ) == ("my own", "http://mirror.example/")


def test_a_databases_key_is_sent_where_the_database_says(home: Path) -> None:
    stored = snapshot(acoustid_url="http://example.org/", acoustid_api_key="the database's")
    environ = {"HOME": str(home), KEY_VARIABLE: "my own"}
    assert acoustid_key_and_url(stored, environ) == ("the database's", "http://example.org/")


def test_a_note_says_why_acoustid_is_not_asked_with_the_users_own_key(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "my own")
    with web_services() as running:
        made = config(acoustid_url=running.acoustid.url, web_service_contact="me@example.org")
        assert made.acoustid is None
        assert made.musicbrainz is not None
        assert made.notes == (KEY_STAYS_HERE,)
        monkeypatch.setenv(URL_VARIABLE, running.acoustid.url)
        assert config(web_service_contact="me@example.org").notes == ()


def test_a_pipe_in_the_place_of_that_file_is_not_waited_at(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = write_key(home, "")
    file.unlink()
    os.mkfifo(file)
    assert acoustid_key(snapshot(), {"HOME": str(home)}) is None
    assert f"{file} is not read for a key" in caplog.text


def refused(library: Library) -> str:
    """Return why no import begins."""
    with pytest.raises(ConfigurationError) as caught:
        import_folder(library)
    assert sessions(library) == []
    assert statuses(library) == {}
    return str(caught.value)


def test_settings_that_no_service_can_be_asked_with_are_refused_before_anything_is_written(
    library: Library, music: Path
) -> None:
    make_sound(music / "song.flac")
    save = library.settings.save
    save({"acousticbrainz_folder": str(music / "nowhere")})
    assert "correct the setting acousticbrainz_folder" in refused(library)
    save({"acousticbrainz_folder": None, "acoustid_api_key": "key", "acoustid_url": "ftp://there"})
    assert "must begin with https://" in refused(library)
    save({"acoustid_url": "https://api.acoustid.org/v2", "web_service_contact": "somebody"})
    assert "is not a contact" in refused(library)


@pytest.mark.parametrize("name", ["rms_window_ms", "ai_processing_thread_count"])
def test_a_setting_that_another_program_damaged_is_named(library: Library, name: str) -> None:
    library.settings.save({name: 20})
    with library.unit_of_work("other program") as work:
        work.settings.update(name, value="a few")
    assert name in refused(library)
