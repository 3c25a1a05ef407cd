"""Fingerprinting: what web services answered before, and what they answer now.

A cache alone: to lose it costs time and nothing else. Knows no service and no fingerprint.
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
"""What a service said, as a JSON object; the empty one says that it knew nothing."""

NOTHING_IS_BELIEVED_FOR: Final = timedelta(days=30)
"""Ids are minted once and keep their meaning, so what a service knew is kept for good. What it did
not know somebody may add to it any day."""

_ANSWERS: Final = sa.select(
    ServiceAnswer.request_key, ServiceAnswer.answer, ServiceAnswer.answered_at
).where(
    ServiceAnswer.service == sa.bindparam("of_service"), Among(ServiceAnswer.request_key, "keys")
)


def request_key(request: str) -> str:
    """Make the key of a request that has no MusicBrainz id: the SHA-256 of its text, as hex.

    That of a fingerprint's compressed text is its key in `acoustid_cache` as well.
    """
    return hashlib.sha256(request.encode()).hexdigest()


def read_answers(
    library: Library, service: str, keys: Iterable[str], *, now: datetime | None = None
) -> dict[str, Answer]:
    """Return what a service answered to those of the requests that need not be asked again.

    An empty answer says that the service knew nothing; after 30 days it is asked anew.
    """
    wanted = list(dict.fromkeys(keys))
    asked_anew = (now or utc_now()) - NOTHING_IS_BELIEVED_FOR
    [rows] = library.read(Query(_ANSWERS, {"of_service": service, "keys": wanted}))
    return {key: answer for key, answer, at in rows if answer or at > asked_anew}


def record_answers(work: UnitOfWork, service: str, answers: Mapping[str, Answer]) -> None:
    """Keep what a service answered, by the keys of the requests; the latest answer stands."""
    now = utc_now()
    work.service_answers.put_many(
        {"service": service, "request_key": key, "answer": answer, "answered_at": now}
        for key, answer in answers.items()
    )


def record_acoustid(work: UnitOfWork, recordings: Mapping[str, str]) -> None:
    """Keep which recordings AcoustID named, by the keys of the fingerprints, for older readers."""
    work.acoustid_cache.put_many(
        {"fingerprint_hash": key, "mbid": mbid} for key, mbid in recordings.items()
    )
