"""Factories of files, passages, songs, artists, albums, works and links.

Every value comes from a sequence; none is random or depends on the clock.

    work.songs.put(SongFactory.build(title="Sinnerman"))
    work.passages.add_many(PassageFactory.build_batch(24, file_id=file))

A factory builds what an import would write, except:

- Foreign keys. Give them as a guid, or as the handle that `add` or `put` returned; the unit of work
  names a missing one.
- Columns that only users change. `tuned=True` fills them.
- Times and numbers that have a default in the model.

`complete=True` builds files, passages and songs whose import has succeeded.

Sequences are global and belong to one thread: call `reset_sequences` before each test.
"""

from __future__ import annotations

from typing import Final

from wkmp_orm.models import (
    Album,
    Artist,
    DecodeStatus,
    FadeCurve,
    File,
    FileStatus,
    Passage,
    PassageAlbum,
    PassageSong,
    PassageStatus,
    Song,
    SongArtist,
    SongStatus,
    SongWork,
    Work,
)
from wkmp_orm.testing.declarations import (
    ModelFactory,
    from_row,
    guids,
    mbids,
    nth,
    of,
    switches,
    times,
)
from wkmp_orm.ticks import TICKS_PER_SECOND

PASSAGE_TICKS: Final = 180 * TICKS_PER_SECOND
"""The length of a built passage: three minutes."""

_TUNED_PROGRAMME: Final = {
    "base_probability": 2.5,
    "min_cooldown": 3_600,
    "ramping_cooldown": 86_400,
    "last_played_at": times(),
}


class FileFactory(ModelFactory[File]):
    """Files with a hash and with the values of their tags."""

    Meta = of(File)
    Params = switches(complete={"status": FileStatus.INGEST_COMPLETE})

    guid = guids(1)
    path = nth("Artist/Album/{:04} Song.flac".format)
    hash = nth("{:064x}".format)
    duration_ticks = PASSAGE_TICKS
    format = "flac"
    sample_rate = 44_100
    channels = 2
    file_size_bytes = nth(lambda n: 20_000_000 + n)
    modification_time = times()
    artist = "Artist"
    title = nth("Song {}".format)
    album = "Album"
    track_number = nth(lambda n: 1 + (n - 1) % 99)
    year = 1965
    status = FileStatus.PENDING


class PassageFactory(ModelFactory[Passage]):
    """Passages that follow one another, with lead points. Give `file_id`.

    If you give a start, the other points move with it.
    """

    Meta = of(Passage)
    Params = switches(
        complete={"status": PassageStatus.INGEST_COMPLETE},
        tuned={
            "user_title": nth("My song {}".format),
            "fade_in_start_ticks": from_row(lambda row: row.start_time_ticks),
            "fade_out_start_ticks": from_row(lambda row: row.end_time_ticks),
            "fade_in_curve": FadeCurve.COSINE,
            "fade_out_curve": FadeCurve.EQUAL_POWER,
        },
    )

    guid = guids(2)
    start_time_ticks = nth(lambda n: (n - 1) * PASSAGE_TICKS)
    end_time_ticks = from_row(lambda row: row.start_time_ticks + PASSAGE_TICKS)
    lead_in_start_ticks = from_row(
        lambda row: row.start_time_ticks + (row.end_time_ticks - row.start_time_ticks) // 10
    )
    lead_out_start_ticks = from_row(
        lambda row: row.end_time_ticks - (row.end_time_ticks - row.start_time_ticks) // 10
    )
    title = nth("Song {}".format)
    artist = "Artist"
    album = "Album"
    recording_mbid = mbids(3)
    musical_flavor_vector = nth(lambda n: {"danceability": n % 10 / 10, "tonal": 0.25})
    import_metadata = nth(lambda n: {"track": n})
    additional_metadata = nth(lambda n: {"comment": f"Comment {n}"})
    decode_status = DecodeStatus.PENDING
    flavor_source_blend = nth(lambda _: [["AcousticBrainz", 1.0]])
    flavor_confidence_map = nth(lambda _: {"danceability": 0.75})
    flavor_completeness = 0.875
    title_source = "tags"
    title_confidence = 0.75
    artist_source = "tags"
    artist_confidence = 0.75
    album_source = "tags"
    album_confidence = 0.75
    mbid_source = "AcoustID"
    mbid_confidence = 0.9375
    identity_confidence = 0.9375
    identity_posterior_probability = 0.96875
    identity_conflicts = nth(lambda _: [])
    overall_quality_score = 0.875
    metadata_completeness = 1.0
    validation_status = "passed"
    validation_report = nth(lambda _: {"checks": 3})
    validation_issues = nth(lambda _: [])
    import_timestamp = times()
    import_strategy = "hybrid"
    status = PassageStatus.PENDING


class SongFactory(ModelFactory[Song]):
    """Recordings that are identified and titled. `work_id` may be given."""

    Meta = of(Song)
    Params = switches(
        complete={
            "status": SongStatus.FLAVOR_READY,
            "flavor_vector": nth(lambda n: {"danceability": n % 10 / 10, "tonal": 0.25}),
            "flavor_source_blend": nth(lambda _: [["AcousticBrainz", 1.0]]),
        },
        tuned={
            **_TUNED_PROGRAMME,
            "lyrics": nth("Verse {}".format),
            "related_songs": nth(lambda n: [f"00000003-0000-7000-8000-{n:012x}"]),
        },
    )

    guid = guids(3)
    recording_mbid = mbids(3)
    title = nth("Song {}".format)
    artist_name = "Artist"
    status = SongStatus.PENDING


class ArtistFactory(ModelFactory[Artist]):
    """Artists with a MusicBrainz id."""

    Meta = of(Artist)
    Params = switches(tuned=_TUNED_PROGRAMME)

    guid = guids(4)
    artist_mbid = mbids(4)
    name = nth("Artist {}".format)
    identity_key = from_row(lambda row: f"name:{row.name.casefold()}")


class AlbumFactory(ModelFactory[Album]):
    """Releases with a MusicBrainz id."""

    Meta = of(Album)

    guid = guids(5)
    album_mbid = mbids(5)
    title = nth("Album {}".format)
    release_date = "1965-10-01"
    identity_key = from_row(lambda row: f"title:artist/{row.title.casefold()}")


class WorkFactory(ModelFactory[Work]):
    """Compositions."""

    Meta = of(Work)
    Params = switches(tuned=_TUNED_PROGRAMME)

    guid = guids(6)
    work_mbid = mbids(6)
    title = nth("Work {}".format)


class PassageSongFactory(ModelFactory[PassageSong]):
    """Songs that fill their passage. Give `passage_id` and `song_id`."""

    Meta = of(PassageSong)

    start_time_ticks = 0
    end_time_ticks = PASSAGE_TICKS


class SongArtistFactory(ModelFactory[SongArtist]):
    """The whole credit of a song. Give `song_id` and `artist_id`."""

    Meta = of(SongArtist)

    weight = 1.0


class PassageAlbumFactory(ModelFactory[PassageAlbum]):
    """Links of passages to albums. Give `passage_id` and `album_id`."""

    Meta = of(PassageAlbum)


class SongWorkFactory(ModelFactory[SongWork]):
    """Links of songs to works. Give `song_id` and `work_id`."""

    Meta = of(SongWork)
