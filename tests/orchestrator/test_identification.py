"""Songs are named by tags and by web services; no service stops an import, or is asked twice."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from tests.support.imports import statuses, table, touch
from tests.support.patience import PATIENCE_S
from tests.support.sound import make_rip, make_sound, mbid, musicbrainz_tags, tag_sound
from tests.support.web_services import busy, recording, slow, unreachable_url
from wkmp_orm import Artist, Library, Passage, Song, Work, WriteReport
from wkmp_orm.audio import AnalysisOptions, analyse
from wkmp_orm.models import AcoustidCache, ImportProvenance, ServiceAnswer
from wkmp_orm.orchestrator import import_folder, retry_failed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.sound import Wave
    from tests.support.web_services import WebServices

SONG, ARTIST, WORK = mbid(1), mbid(2), mbid(3)


def fingerprints(path: Path) -> list[str | None]:
    return [
        passage.fingerprint
        for passage in analyse(path, AnalysisOptions(), fingerprint=True).passages
    ]


def known_song(
    services: WebServices, path: Path, *, score: float = 0.97, described: bool = True
) -> None:
    """Let the services know the one passage of a file."""
    (fingerprint,) = fingerprints(path)
    assert fingerprint is not None
    services.acoustid.links(
        fingerprint,
        recording(SONG, "Sinnerman", artists=[("Nina Simone", ARTIST)], duration=12.0),
        score=score,
    )
    if described:
        services.musicbrainz.knows(
            SONG,
            "Sinnerman",
            artists=[("Nina Simone", ARTIST)],
            works=[("Sinner Man", WORK)],
        )


@pytest.fixture
def untagged(music: Path) -> Path:
    """Make a song that says nothing of itself and is long enough for a fingerprint."""
    return make_sound(music / "track01.flac", seconds=12)


@pytest.mark.smoke
def test_a_file_without_tags_is_named_by_its_sound(
    online: Library, services: WebServices, untagged: Path
) -> None:
    known_song(services, untagged)
    summary = import_folder(online)
    assert summary.failures == ()
    assert summary.notes == ()
    assert summary.counts.identified == 1
    assert (summary.findings.fingerprints, summary.findings.recognised) == (1, 1)
    # No title to compare: 0.3 * 0.3 + 0.6 * 0.97 + 0.1.
    confidence = pytest.approx(0.772)
    assert (summary.findings.high, summary.findings.medium) == (0, 1)
    assert table(online, Song, "recording_mbid", "title", "artist_name") == [
        (SONG, "Sinnerman", "Nina Simone")
    ]
    assert table(online, Artist, "artist_mbid", "name") == [(ARTIST, "Nina Simone")]
    assert table(online, Work, "work_mbid", "title") == [(WORK, "Sinner Man")]
    assert table(
        online, Passage, "title", "artist", "recording_mbid", "mbid_source", "identity_confidence"
    ) == [("Sinnerman", "Nina Simone", SONG, "fingerprint", confidence)]
    assert ("identity_extractor", confidence) in table(
        online, ImportProvenance, "source_type", "confidence"
    )
    (asked,) = services.acoustid.requests
    assert asked.fields["duration"] == "12"
    assert table(online, AcoustidCache, "mbid") == [(SONG,)]


def test_what_was_answered_once_is_not_asked_again(
    online: Library, services: WebServices, untagged: Path
) -> None:
    known_song(services, untagged)
    import_folder(online)
    touch(untagged)
    summary = import_folder(online)
    assert (summary.counts.changed, summary.counts.identified) == (1, 1)
    assert len(services.acoustid.requests) == len(services.musicbrainz.requests) == 1
    assert len(table(online, ServiceAnswer, "guid")) == 2


def test_answers_are_kept_in_one_transaction_a_phase_however_many_there_are(
    online: Library, services: WebServices, music: Path
) -> None:
    sides: list[tuple[Wave, float]] = [("tone", 11), ("silence", 2)] * 4
    make_rip(music / "side.flac", sides)
    for number, fingerprint in enumerate(fingerprints(music / "side.flac")):
        assert fingerprint is not None
        services.acoustid.links(fingerprint, recording(mbid(10 + number), duration=11))
        services.musicbrainz.knows(mbid(10 + number), f"Song {number}")
    reports: list[WriteReport] = []
    online.on_commit(reports.append)
    assert import_folder(online).findings.identified == 4
    written = [report.phase for report in reports if report.outcome == "committed"]
    assert written.count("fingerprinting") == written.count("song_matching") == 1
    assert len(services.musicbrainz.requests) > 1


def test_that_nobody_knows_a_sound_is_an_answer_too(
    online: Library, services: WebServices, untagged: Path
) -> None:
    import_folder(online)
    touch(untagged)
    summary = import_folder(online)
    assert (summary.findings.fingerprints, summary.findings.recognised) == (1, 0)
    assert summary.findings.unidentified == 1
    assert statuses(online) == {"track01.flac": "INGEST COMPLETE"}
    assert len(services.acoustid.requests) == 1
    assert table(online, ServiceAnswer, "service", "answer") == [("acoustid", {})]
    assert table(online, AcoustidCache, "mbid") == []


def test_an_answer_that_cannot_be_read_any_more_is_asked_for_again(
    online: Library, services: WebServices, untagged: Path
) -> None:
    known_song(services, untagged)
    import_folder(online)
    damaged = sa.update(ServiceAnswer).values(answer={"matches": [{"of": "another version"}]})
    with online.begin_monitored("test") as session:
        session.execute(damaged.where(ServiceAnswer.service == "acoustid"))
    touch(untagged)
    assert import_folder(online).counts.identified == 1
    assert len(services.acoustid.requests) == 2


def test_each_passage_of_a_rip_is_its_own_song_and_a_short_one_shifts_none(
    online: Library, services: WebServices, music: Path
) -> None:
    path = music / "album.flac"
    make_rip(path, [("tone", 12), ("silence", 2), ("tone", 4), ("silence", 2), ("noise", 11)])
    tag_sound(path, title="Side One", album="Pastel Blues", artist="Nina Simone")
    first, short, last = fingerprints(path)
    assert short is None
    for number, fingerprint in ((10, first), (20, last)):
        assert fingerprint is not None
        services.acoustid.links(fingerprint, recording(mbid(number), f"Song {number}"))
    summary = import_folder(online)
    assert summary.findings.passages == 3
    assert summary.findings.identified == 2
    rows = sorted(table(online, Passage, "start_time_ticks", "recording_mbid", "title", "album"))
    assert [row[1:] for row in rows] == [
        (mbid(10), "Song 10", "Pastel Blues"),
        (None, "Side One", "Pastel Blues"),
        (mbid(20), "Song 20", "Pastel Blues"),
    ]


def test_a_recording_that_was_merged_is_the_one_that_it_is_now(
    online: Library, services: WebServices, untagged: Path
) -> None:
    known_song(services, untagged, described=False)
    services.musicbrainz.knows(mbid(9), "Sinnerman", artists=[("Nina Simone", ARTIST)])
    services.musicbrainz.merges(SONG, mbid(9))
    import_folder(online)
    assert table(online, Song, "recording_mbid") == [(mbid(9),)]


def test_a_file_that_is_fully_tagged_bothers_no_service(
    online: Library, services: WebServices, music: Path
) -> None:
    tag_sound(make_sound(music / "song.flac", seconds=5), **musicbrainz_tags(1))
    assert import_folder(online).findings.high == 1
    assert services.musicbrainz.requests == services.acoustid.requests == []


def test_what_a_tagged_file_does_not_say_musicbrainz_is_asked_for(
    online: Library, services: WebServices, music: Path
) -> None:
    tag_sound(make_sound(music / "song.flac", seconds=5), mb_trackid=SONG, title="sinnerman")
    services.musicbrainz.knows(
        SONG, "Sinnerman", artists=[("Nina Simone", ARTIST)], works=[("Sinner Man", WORK)]
    )
    import_folder(online)
    assert table(online, Song, "recording_mbid", "title", "artist_name") == [
        (SONG, "Sinnerman", "Nina Simone")
    ]
    assert table(online, Passage, "title", "artist") == [("sinnerman", "Nina Simone")]


def test_tags_that_the_sound_contradicts_are_kept_and_told(
    online: Library, services: WebServices, untagged: Path
) -> None:
    tag_sound(untagged, mb_trackid=mbid(7), title="Another")
    known_song(services, untagged)
    summary = import_folder(online)
    assert (summary.findings.medium, summary.findings.high) == (1, 0)
    assert table(
        online, Passage, "recording_mbid", "identity_confidence", "identity_conflicts"
    ) == [(mbid(7), 0.7, [SONG])]


@pytest.mark.parametrize("trouble", ["nobody listens", "busy", "slow"])
def test_a_service_that_does_not_answer_costs_its_answers_and_is_complained_of_once(
    online: Library,
    services: WebServices,
    music: Path,
    caplog: pytest.LogCaptureFixture,
    trouble: str,
) -> None:
    for number in range(8):
        make_sound(music / f"{number}.flac", seconds=11, frequency=300 + 40 * number)
    match trouble:
        case "nobody listens":
            online.settings.save({"acoustid_url": unreachable_url()})
        case "busy":
            services.acoustid.always(busy())
        case "slow":
            online.settings.save({"web_service_timeout_ms": 100})
            services.acoustid.always(slow(2 * PATIENCE_S))
    summary = import_folder(online, workers=2)
    assert summary.failures == ()
    assert summary.counts.imported == 8
    complaints = [each for each in caplog.records if "AcoustID is left alone" in each.message]
    assert len(complaints) == 1
    assert table(online, ServiceAnswer, "guid") == []
    assert len(services.acoustid.requests) <= 10


def test_when_it_answers_again_the_files_can_be_asked_about_again(
    online: Library, services: WebServices, untagged: Path
) -> None:
    known_song(services, untagged)
    services.acoustid.always(busy())
    assert import_folder(online).findings.unidentified == 1
    services.acoustid.always(None)
    assert import_folder(online).counts.to_import == 0
    assert retry_failed(online, unidentified=True).files == 1
    assert import_folder(online).findings.identified == 1


def test_a_key_that_the_service_does_not_know_is_said_once(
    online: Library, music: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(4):
        make_sound(music / f"{number}.flac", seconds=11, frequency=300 + 40 * number)
    online.settings.save({"acoustid_api_key": "not-a-key"})
    assert import_folder(online, workers=1).counts.imported == 4
    (complaint,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert "correct the setting acoustid_api_key" in complaint.message
    assert "not-a-key" not in complaint.message


def test_without_a_key_it_says_so_once_and_asks_nobody(
    library: Library, untagged: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "wkmp_orm.orchestrator"):
        summary = import_folder(library)
    (note,) = summary.notes
    assert note.startswith("No AcoustID key is configured")
    assert [each.message for each in caplog.records].count(note) == 1
    assert summary.counts.imported == 1
    # Who has nothing to import needs no advice.
    assert import_folder(library).notes == ()


def test_answers_that_cannot_be_kept_fail_no_file(
    sqlite_database: object, services: WebServices, music: Path, untagged: Path
) -> None:
    known_song(services, untagged)
    with Library.open(music / "wkmp.db") as library:
        library.settings.save(
            {"acoustid_api_key": "made-for-tests", "acoustid_url": services.acoustid.url}
        )
        with library.begin_monitored("test") as session:
            refuse = "BEGIN SELECT RAISE(ABORT, 'no room for answers'); END"
            session.execute(
                sa.text(f"CREATE TRIGGER no_answers BEFORE INSERT ON service_answers {refuse}")
            )
        summary = import_folder(library)
        assert summary.failures == ()
        assert summary.counts.identified == 1
        assert table(library, ServiceAnswer, "guid") == []


def test_stopping_does_not_wait_for_a_service(
    online: Library, services: WebServices, untagged: Path
) -> None:
    services.acoustid.always(slow(2 * PATIENCE_S))
    online.settings.save({"web_service_timeout_ms": 120_000})  # the longest
    stop = threading.Event()
    cancelled: list[bool] = []

    def run() -> None:
        cancelled.append(import_folder(online, stop=stop).was_cancelled)

    thread = threading.Thread(target=run)
    thread.start()
    while not services.acoustid.requests and thread.is_alive():
        time.sleep(0.01)
    stop.set()
    thread.join(100)  # the service would be waited for 120 s
    assert cancelled == [True]
    services.acoustid.always(None)
    assert import_folder(online).counts.imported == 1


def test_all_workers_share_one_service_and_its_wish_to_rest(
    online: Library, services: WebServices, music: Path
) -> None:
    for number in range(6):  # each another note: octaves have one fingerprint
        make_sound(music / f"{number}.flac", seconds=11, frequency=440 * 2 ** (number / 6))
    services.acoustid.then(busy(retry_after=1))
    assert import_folder(online, workers=3).findings.fingerprints == 6
    times = sorted(request.at for request in services.acoustid.requests)
    assert len(times) == 7
    assert times[-4] - times[0] > 0.9  # at most three were under way when it asked for a rest
