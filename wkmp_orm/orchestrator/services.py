"""Chooses the web services that an import asks, and explains why it does not ask the others."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from wkmp_orm.audio import fingerprint_backend
from wkmp_orm.core.remedies import Note, install
from wkmp_orm.errors import ConfigurationError
from wkmp_orm.matching import (
    ACOUSTID_INTERVAL_S,
    MUSICBRAINZ_INTERVAL_S,
    AcoustidClient,
    MusicBrainzClient,
    can_ask,
    is_at,
)
from wkmp_orm.remedies import set_setting
from wkmp_orm.root_folder import default_config_home, read_configuration
from wkmp_orm.settings import (
    ACOUSTID_API_KEY,
    ACOUSTID_URL,
    MUSICBRAINZ_URL,
    WEB_SERVICE_CONTACT,
    WEB_SERVICE_TIMEOUT_MS,
)

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Mapping

    from wkmp_orm.settings import SettingsSnapshot

logger = logging.getLogger("wkmp_orm.orchestrator")

KEY_VARIABLE: Final = "WKMP_ACOUSTID_API_KEY"
URL_VARIABLE: Final = "WKMP_ACOUSTID_URL"
USERS_FILE: Final = "wkmp-ai.toml"

NO_KEY: Final = Note(
    "No AcoustID key is configured, so songs are known by their files' tags alone. There is one at"
    " https://acoustid.org/new-application",
    set_setting("acoustid_api_key", "KEY"),
)
NO_HTTPX: Final = Note(
    "Web services cannot be asked, so songs are known by their files' tags alone",
    install("online"),
)
NO_BACKEND: Final = Note(
    "Nothing here can make fingerprints, so AcoustID is not asked", install("fingerprint")
)
KEY_STAYS_HERE: Final = Note(
    "AcoustID is not asked, because its key is your own, and the setting acoustid_url of this"
    " database would send it to another place. If you trust that place, name it in"
    f" {URL_VARIABLE}, or as acoustid_url in {USERS_FILE}; otherwise correct the setting",
    set_setting("acoustid_url", ACOUSTID_URL.default),
)
NO_CONTACT: Final = Note(
    "MusicBrainz is not asked, because it wants to know whom to write to: an e-mail address or a"
    " URL",
    set_setting("web_service_contact", "CONTACT"),
)


@dataclass(frozen=True, slots=True)
class Services:
    """The services to ask, and `notes` about the others."""

    acoustid: AcoustidClient | None = None
    musicbrainz: MusicBrainzClient | None = None
    notes: tuple[Note, ...] = ()


@contextmanager
def services_of(settings: SettingsSnapshot, stop: threading.Event) -> Iterator[Services]:
    """Yield the configured services for a `with` block; `stop` ends every wait for them.

    AcoustID is asked if there is a key that may be sent to its URL, MusicBrainz if there is a
    contact. Raises ConfigurationError for an unusable key, contact or URL.
    """
    key, url = acoustid_key_and_url(settings)
    contact = (settings.get(WEB_SERVICE_CONTACT) or "").strip() or None
    if key is None and contact is None:
        yield Services(notes=(NO_KEY,))
        return
    if not can_ask():
        yield Services(notes=(NO_HTTPX,))
        return
    notes = []
    timeout_s = settings.get(WEB_SERVICE_TIMEOUT_MS) / 1000
    acoustid = musicbrainz = None
    with ExitStack() as stack:
        if key is None:
            notes.append(NO_KEY)
        elif fingerprint_backend() is None:
            notes.append(NO_BACKEND)
        elif url is None:
            notes.append(KEY_STAYS_HERE)
        else:
            acoustid = stack.enter_context(
                AcoustidClient(
                    key,
                    contact=contact,
                    url=url,
                    timeout_s=timeout_s,
                    interval_s=_interval(url, "acoustid.org", ACOUSTID_INTERVAL_S),
                    stop=stop,
                )
            )
        if contact is None:
            notes.append(NO_CONTACT)
        else:
            url = settings.get(MUSICBRAINZ_URL)
            musicbrainz = stack.enter_context(
                MusicBrainzClient(
                    contact=contact,
                    url=url,
                    timeout_s=timeout_s,
                    interval_s=_interval(url, "musicbrainz.org", MUSICBRAINZ_INTERVAL_S),
                    stop=stop,
                )
            )
        yield Services(acoustid, musicbrainz, tuple(notes))


def acoustid_key_and_url(
    settings: SettingsSnapshot, environ: Mapping[str, str] = os.environ
) -> tuple[str | None, str | None]:
    """Return the key for AcoustID and the URL to use; either is None if there is none.

    The key is the setting, or else the user's own: from the environment (`WKMP_ACOUSTID_API_KEY`),
    then `acoustid_api_key` in `wkmp-ai.toml`, which lies beside `audio-ingest.toml`. Unlike the
    Rust service, the import does not copy it into the settings, because databases are easily passed
    on. The URL is the user's own (`WKMP_ACOUSTID_URL`, then `acoustid_url` in that file), or else
    the setting. Blank values count as missing.

    A database from somebody else may contain any URL. So the user's own key is sent only to
    AcoustID's own host over https, or to the URL that the user chose. A key in the settings may be
    sent to the URL in the same settings.
    """
    file = _users_file(environ)
    stored_key = _filled(settings.get(ACOUSTID_API_KEY))
    key = stored_key or _filled(environ.get(KEY_VARIABLE)) or _filled(file.get("acoustid_api_key"))
    own_url = _filled(environ.get(URL_VARIABLE)) or _filled(file.get("acoustid_url"))
    stored_url = settings.get(ACOUSTID_URL)
    if own_url is None and stored_key is None and not is_at(stored_url, ACOUSTID_URL.default):
        return key, None
    return key, own_url or stored_url


def _filled(value: object) -> str | None:
    return (value.strip() or None) if isinstance(value, str) else None


def _users_file(environ: Mapping[str, str]) -> Mapping[str, object]:
    try:
        file = default_config_home(environ) / USERS_FILE
    except ConfigurationError:  # the user has no home folder
        return {}
    try:
        return read_configuration(file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        logger.warning("%s is not read for a key: %s", file, error.strerror)
    except ValueError:  # not logged: its text could quote the key
        logger.warning("%s is not read for a key: it is not valid TOML in UTF-8", file)
    return {}


def _interval(url: str, public: str, interval_s: float) -> float:
    """Return the pause between two requests; a private server needs none."""
    host = urlsplit(url).hostname or ""
    return interval_s if host == public or host.endswith(f".{public}") else 0.0
