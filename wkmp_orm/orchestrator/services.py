"""Which web services an import asks, and why it does not ask the others.

Knows settings, keys and what is installed; must not know what is asked.
"""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from wkmp_orm.audio import fingerprint_backend
from wkmp_orm.errors import ConfigurationError
from wkmp_orm.matching import (
    ACOUSTID_INTERVAL_S,
    MUSICBRAINZ_INTERVAL_S,
    AcoustidClient,
    MusicBrainzClient,
    can_ask,
)
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
KEY_FILE: Final = "wkmp-ai.toml"

NO_KEY: Final = (
    "No AcoustID key is configured, so songs are known by their files' tags alone: get one at"
    " https://acoustid.org/new-application, then run wkmp-orm settings set acoustid_api_key KEY."
)
NO_HTTPX: Final = (
    "Web services cannot be asked, so songs are known by their files' tags alone:"
    " run pip install 'wkmp_orm[online]'."
)
NO_BACKEND: Final = (
    "Nothing here can make fingerprints, so AcoustID is not asked:"
    " run pip install 'wkmp_orm[fingerprint]'."
)
NO_CONTACT: Final = (
    "MusicBrainz is not asked, because it wants to know whom to write to:"
    " run wkmp-orm settings set web_service_contact with your e-mail address or a URL."
)


@dataclass(frozen=True, slots=True)
class Services:
    """Those that are asked, and `notes` on those that are not."""

    acoustid: AcoustidClient | None = None
    musicbrainz: MusicBrainzClient | None = None
    notes: tuple[str, ...] = ()


@contextmanager
def services_of(settings: SettingsSnapshot, stop: threading.Event) -> Iterator[Services]:
    """Give a `with` block the services that the settings ask for; `stop` ends every wait for them.

    AcoustID is asked when there is a key, MusicBrainz when there is a contact. Raises
    ConfigurationError for a key, contact or URL that no service can be asked with.
    """
    key = acoustid_key(settings)
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
        else:
            url = settings.get(ACOUSTID_URL)
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


def acoustid_key(settings: SettingsSnapshot, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the key for AcoustID from where WKMP services look for it; a blank one is none.

    The setting, then the environment (`WKMP_ACOUSTID_API_KEY`), then `acoustid_api_key` in
    `wkmp-ai.toml`, which lies where `audio-ingest.toml` does. It is not copied into the settings,
    as the Rust service did: a database is passed on more easily than meant.
    """
    for place in (settings.get(ACOUSTID_API_KEY), environ.get(KEY_VARIABLE), _key_in_file(environ)):
        if place is not None and place.strip():
            return place.strip()
    return None


def _key_in_file(environ: Mapping[str, str]) -> str | None:
    try:
        file = default_config_home(environ) / KEY_FILE
    except ConfigurationError:  # a user without a home
        return None
    try:
        value = read_configuration(file).get(ACOUSTID_API_KEY.name)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        logger.warning("%s is not read for a key: %s", file, error)
        return None
    return value if isinstance(value, str) else None


def _interval(url: str, public: str, interval_s: float) -> float:
    """Return the pause between two requests: a server of one's own needs none."""
    host = urlsplit(url).hostname or ""
    return interval_s if host == public or host.endswith(f".{public}") else 0.0
