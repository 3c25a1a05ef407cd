"""Fingerprinting: caches the answers of web services.

Losing the cache costs only time. The keys and answers are those of any service.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from wkmp_orm.core.among import Among
from wkmp_orm.core.flush.senders import Query
from wkmp_orm.core.types import utc_now
from wkmp_orm.models import ServiceAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from wkmp_orm.library import Library
    from wkmp_orm.work import UnitOfWork

Answer = dict[str, Any]
"""A service's answer, as a JSON object; an empty object means that it had no result."""

NOTHING_IS_BELIEVED_FOR: Final = timedelta(days=30)
"""Ids never change their meaning, so an answer is kept forever. An empty answer expires, because
somebody may add the missing data to the service any day."""

_ANSWERS: Final = sa.select(
    ServiceAnswer.request_key, ServiceAnswer.answer, ServiceAnswer.answered_at
).where(
    ServiceAnswer.service == sa.bindparam("of_service"), Among(ServiceAnswer.request_key, "keys")
)


def request_key(request: str) -> str:
    """Return the key of a request that has no MusicBrainz id: the SHA-256 of its text, as hex.

    The key of a fingerprint's compressed text is also its key in `acoustid_cache`.
    """
    return hashlib.sha256(request.encode()).hexdigest()


def read_answers(
    library: Library, service: str, keys: Iterable[str], *, now: datetime | None = None
) -> dict[str, Answer]:
    """Return the stored answers of a service to those requests that need not be sent again.

    An empty answer means that the service had no result; after 30 days it is no longer returned.
    """
    wanted = list(dict.fromkeys(keys))
    asked_anew = (now or utc_now()) - NOTHING_IS_BELIEVED_FOR
    [rows] = library.read(Query(_ANSWERS, {"of_service": service, "keys": wanted}))
    return {key: answer for key, answer, at in rows if answer or at > asked_anew}


def record_answers(work: UnitOfWork, service: str, answers: Mapping[str, Answer]) -> None:
    """Store a service's answers, by the keys of the requests; a newer answer replaces an older."""
    now = utc_now()
    work.service_answers.put_many(
        {"service": service, "request_key": key, "answer": answer, "answered_at": now}
        for key, answer in answers.items()
    )


def record_acoustid(work: UnitOfWork, recordings: Mapping[str, str]) -> None:
    """Store which recordings AcoustID named, by the fingerprints' keys, for older readers."""
    work.acoustid_cache.put_many(
        {"fingerprint_hash": key, "mbid": mbid} for key, mbid in recordings.items()
    )
