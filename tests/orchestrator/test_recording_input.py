"""What is recorded of a passage when file, sound and services all have something to say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.sound import mbid
from wkmp_orm.audio import ArtistCredit, SoundAnalysis, Tags
from wkmp_orm.matching import (
    AcoustidMatch,
    CreditedArtist,
    Match,
    MusicBrainzRecording,
    PerformedWork,
    Source,
)
from wkmp_orm.models import SourceType
from wkmp_orm.orchestrator.recording_input import decoded_metadata, is_described, recorded_passage
from wkmp_orm.phases import RecordedPassage, Work, artist_identity

SPAN = (5, 50)
TAGS = Tags(
    format="flac",
    title="Sinnerman",
    artist="Nina",
    artists=(ArtistCredit("Nina", mbid(2)),),
    album="Pastel Blues",
    recording_mbid=mbid(1),
    work_mbids=(mbid(3),),
)
NO_TAGS = Tags(format="flac")
TAGGED = Match(recording_mbid=mbid(1), confidence=1.0, source=Source.TAGS)
FOUND = AcoustidMatch(
    recording_mbid=mbid(9),
    score=0.9,
    title="As AcoustID has it",
    artists=(CreditedArtist("Nina Simone", mbid(2)),),
)
HEARD = Match(recording_mbid=mbid(9), confidence=0.9, source=Source.FINGERPRINT, candidate=FOUND)
UNKNOWN = Match(recording_mbid=None, confidence=0.65, source=Source.TITLE)
DESCRIBED = MusicBrainzRecording(
    mbid=mbid(9),
    title="As MusicBrainz has it",
    artist_credit="Nina Simone & Friend",
    artists=(CreditedArtist("Nina Simone", mbid(2)), CreditedArtist("Friend", mbid(4))),
    works=(PerformedWork(mbid(5), "The Work"),),
)


def test_an_album_without_album_artist_is_its_artists_or_that_of_several() -> None:
    def album(tags: Tags) -> str:
        (identity,) = recorded(tags, UNKNOWN).albums
        return identity.key

    assert album(TAGS) == "title:nina/pastel blues"
    assert album(replace(TAGS, compilation=True)) == "title:various artists/pastel blues"
    named = replace(TAGS, compilation=True, album_artist="Anna")
    assert album(named) == "title:anna/pastel blues"


def recorded(
    tags: Tags,
    match: Match,
    described: MusicBrainzRecording | None = None,
    *,
    several: bool = False,
) -> RecordedPassage:
    return recorded_passage(tags, SPAN, match, described, several=several)


def test_a_tagged_file_speaks_for_itself() -> None:
    passage = recorded(TAGS, TAGGED)
    assert passage.span == SPAN
    assert (passage.title, passage.artist, passage.album) == ("Sinnerman", "Nina", "Pastel Blues")
    assert passage.song is not None
    assert passage.song.recording_mbid == mbid(1)
    assert passage.song.artists == (artist_identity("Nina", mbid(2)),)
    assert passage.song.works == (Work(mbid(3), "Sinnerman"),)
    assert [each.source_type for each in passage.provenance] == [SourceType.METADATA_EXTRACTOR]


def test_what_musicbrainz_says_of_a_tagged_recording_completes_it_under_its_id() -> None:
    merged = replace(DESCRIBED, mbid=mbid(99))
    passage = recorded(replace(TAGS, artists=()), TAGGED, merged)
    assert passage.title == "Sinnerman"
    assert passage.song is not None
    assert passage.song.recording_mbid == mbid(1)
    assert passage.song.title == "As MusicBrainz has it"
    assert len(passage.song.artists) == 2
    assert passage.song.works == (Work(mbid(5), "The Work"),)


def test_what_was_heard_in_an_untagged_file_is_named_by_who_heard_it() -> None:
    passage = recorded(NO_TAGS, HEARD)
    assert (passage.title, passage.artist) == ("As AcoustID has it", "Nina Simone")
    assert passage.song is not None
    assert passage.song.works == ()
    assert passage.columns == {
        "mbid_source": "fingerprint",
        "mbid_confidence": 0.9,
        "identity_confidence": 0.9,
    }
    tags, heard = passage.provenance
    assert tags.data_extracted is not None
    assert tags.data_extracted["has_identity"] is False
    assert (heard.source_type, heard.confidence) == (SourceType.IDENTITY_EXTRACTOR, 0.9)
    better = recorded(NO_TAGS, HEARD, DESCRIBED)
    assert (better.title, better.artist) == ("As MusicBrainz has it", "Nina Simone & Friend")


def test_the_title_of_a_file_is_that_of_its_one_passage_but_not_of_one_of_several() -> None:
    assert recorded(TAGS, HEARD).title == "Sinnerman"
    assert recorded(TAGS, HEARD, several=True).title == "As AcoustID has it"
    assert recorded(TAGS, UNKNOWN, several=True).title == "Sinnerman"
    nameless = replace(HEARD, candidate=replace(FOUND, title=None, artists=()))
    song = recorded(TAGS, nameless, several=True).song
    assert song is not None
    assert (song.title, song.artists) == (None, ())


def test_a_passage_of_nothing_known_keeps_its_titles_and_artists() -> None:
    passage = recorded(TAGS, UNKNOWN)
    assert passage.song is None
    assert passage.artists == (artist_identity("Nina", mbid(2)),)
    assert passage.columns == {}


def test_recordings_that_contradict_the_tags_are_told() -> None:
    contradicted = replace(TAGGED, confidence=0.7, conflicts=(mbid(9),))
    assert recorded(TAGS, contradicted).columns["identity_conflicts"] == [mbid(9)]


@pytest.mark.parametrize(
    ("tags", "match", "described"),
    [
        (TAGS, TAGGED, True),
        (replace(TAGS, title=None), TAGGED, False),
        (replace(TAGS, artists=()), TAGGED, False),
        (replace(TAGS, artists=(ArtistCredit("Nina"),)), TAGGED, False),
        (TAGS, HEARD, False),
    ],
    ids=["everything", "no title", "no artist", "no artist's id", "heard"],
)
def test_musicbrainz_is_asked_for_what_the_tags_do_not_say(
    tags: Tags, match: Match, *, described: bool
) -> None:
    assert is_described(match, tags) is described


def test_decoding_knows_better_unless_the_file_was_right() -> None:
    tags = Tags(format="mp3", duration_ticks=100, sample_rate=44_100, channels=2)
    right = SoundAnalysis(
        duration_ticks=100, sample_rate=44_100, channels=2, sound_ticks=0, passages=()
    )
    assert decoded_metadata(tags, right) is None
    better = decoded_metadata(tags, replace(right, duration_ticks=99))
    assert better is not None
    assert (better.duration_ticks, better.title) == (99, None)
