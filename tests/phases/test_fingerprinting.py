"""What a web service answered is asked once; that it knew nothing is believed for a month."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.flush.stored import age, dump
from tests.phases.importing import LONG_AGO, count, mbid, race, stored, texts, watching
from wkmp_orm import Phase
from wkmp_orm.core.types import utc_now
from wkmp_orm.errors import InvalidRowError
from wkmp_orm.models import AcoustidCache, ServiceAnswer
from wkmp_orm.phases import read_answers, record_acoustid, record_answers, request_key
from wkmp_orm.phases.fingerprinting import NOTHING_IS_BELIEVED_FOR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from wkmp_orm import Library, UnitOfWork
    from wkmp_orm.phases import Answer

ACOUSTID, MUSICBRAINZ = "acoustid", "musicbrainz"
FOUND: Answer = {"matches": [{"recording_mbid": mbid(1), "score": 0.9375, "title": "Sinnerman é"}]}


def keep(library: Library, service: str, answers: Mapping[str, Answer]) -> None:
    with library.unit_of_work(Phase.FINGERPRINTING) as work:
        record_answers(work, service, answers)


def ask(library: Library, service: str, keys: Iterable[str], **options: Any) -> dict[str, Answer]:
    return read_answers(library, service, keys, **options)


def test_the_key_of_a_fingerprint_is_its_sha256() -> None:
    assert request_key("AQAA") == hashlib.sha256(b"AQAA").hexdigest()


def test_what_was_answered_is_found_again_and_what_was_never_asked_is_not(
    library: Library,
) -> None:
    keys = [request_key(text) for text in ("one", "two", "three")]
    keep(library, ACOUSTID, {keys[0]: FOUND, keys[1]: {}})
    assert ask(library, ACOUSTID, [*keys, keys[0]]) == {keys[0]: FOUND, keys[1]: {}}
    assert ask(library, ACOUSTID, []) == {}


def test_each_service_has_answers_of_its_own(library: Library) -> None:
    for service, title in ((ACOUSTID, "one"), (MUSICBRAINZ, "two")):
        keep(library, service, {mbid(1): {"title": title}})
    assert ask(library, ACOUSTID, [mbid(1)]) == {mbid(1): {"title": "one"}}
    assert ask(library, MUSICBRAINZ, [mbid(1)]) == {mbid(1): {"title": "two"}}


def test_that_a_service_knew_nothing_is_believed_for_a_month_and_what_it_knew_for_good(
    library: Library,
) -> None:
    known, unknown = request_key("known"), request_key("unknown")
    before = utc_now()
    keep(library, ACOUSTID, {known: FOUND, unknown: {}})
    after = utc_now()

    def asked(now: Any) -> set[str]:
        return set(ask(library, ACOUSTID, [known, unknown], now=now))

    assert asked(before + NOTHING_IS_BELIEVED_FOR - timedelta(seconds=1)) == {known, unknown}
    assert asked(after + NOTHING_IS_BELIEVED_FOR) == {known}
    assert asked(after + timedelta(days=36_500)) == {known}


def test_the_latest_answer_stands(library: Library) -> None:
    key = request_key("one")
    with library.unit_of_work("long ago") as work:
        work.service_answers.put(service=ACOUSTID, request_key=key, answer={}, answered_at=LONG_AGO)
    assert ask(library, ACOUSTID, [key]) == {}
    for answer in (FOUND, {}):
        keep(library, ACOUSTID, {key: answer})
        assert ask(library, ACOUSTID, [key]) == {key: answer}
    assert count(library, ServiceAnswer) == 1


def test_answers_and_recordings_are_one_executemany_each_in_one_transaction(
    library: Library,
) -> None:
    keys = [request_key(str(number)) for number in range(12)]
    with (
        watching(library) as recorder,
        library.unit_of_work(Phase.FINGERPRINTING) as work,
    ):
        record_answers(work, ACOUSTID, dict.fromkeys(keys, FOUND))
        record_acoustid(work, dict.fromkeys(keys[:6], mbid(1)))
    assert sorted(texts(recorder)) == ["INSERT acoustid_cache x6", "INSERT service_answers x12"]
    assert len(recorder.attempts) == len(recorder.transactions) == 1


def test_many_requests_are_looked_up_in_one_query(library: Library) -> None:
    keys = [request_key(str(number)) for number in range(1_000)]
    keep(library, ACOUSTID, dict.fromkeys(keys, FOUND))
    with watching(library) as recorder:
        assert len(ask(library, ACOUSTID, keys)) == len(keys)
    assert [one.table for one in recorder.recorded if one.verb == "SELECT"] == ["service_answers"]


def test_a_recording_that_was_named_again_writes_nothing_and_another_one_replaces_it(
    library: Library,
) -> None:
    key = request_key("one")

    def name(number: int) -> None:
        with library.unit_of_work(Phase.FINGERPRINTING) as work:
            record_acoustid(work, {key: mbid(number)})

    name(1)
    age(library)
    before = dump(library)
    with watching(library) as recorder:
        name(1)
    assert (dump(library), recorder.attempts) == (before, [])
    name(2)
    assert stored(library, AcoustidCache.fingerprint_hash, AcoustidCache.mbid) == [(key, mbid(2))]


def test_what_is_no_key_or_no_recording_is_refused(library: Library) -> None:
    with library.unit_of_work(Phase.FINGERPRINTING) as work:
        with pytest.raises(InvalidRowError, match="mbid"):
            record_acoustid(work, {request_key("one"): "Sinnerman"})
        work.discard()


def test_workers_that_keep_the_same_answers_at_once_all_succeed(library: Library) -> None:
    keys = [request_key(str(number)) for number in range(8)]

    def keeping(order: list[str]) -> Callable[[UnitOfWork], None]:
        def fill(work: UnitOfWork) -> None:
            record_answers(work, ACOUSTID, dict.fromkeys(order, FOUND))
            record_acoustid(work, dict.fromkeys(order, mbid(1)))

        return fill

    race(library, Phase.FINGERPRINTING, *[keeping(keys), keeping(keys[::-1])] * 2)
    assert ask(library, ACOUSTID, keys) == dict.fromkeys(keys, FOUND)
    assert count(library, ServiceAnswer) == count(library, AcoustidCache) == 8
