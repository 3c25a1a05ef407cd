"""Mistakes that a type checker finds: each line that ends with `# wrong` has one, no other has."""

from __future__ import annotations

from wkmp_orm import Library, Song, UnitOfWork


def columns(work: UnitOfWork) -> None:
    work.songs.put(titel="Sinnerman")  # wrong
    work.songs.put(recording_mbid=5, title="Sinnerman")  # wrong
    work.songs.put(recording_mbid="5", title=7)  # wrong
    work.files.add(path="a.flac", modification_time="yesterday")  # wrong
    work.passages.add()  # wrong
    work.songs.put(title="Sinnerman")  # wrong
    work.files.update("guid", where={"statsu": "PENDING"}, title="Sinnerman")  # wrong
    work.files.update("guid", where={"status": "PENDIGN"}, title="Sinnerman")  # wrong
    work.files.update("guid", status=None)  # wrong
    work.songs.put({"titel": "Sinnerman"})  # wrong
    work.songs.put_many([{"recording_mbid": "5", "titel": "Sinnerman"}])  # wrong
    work.songs.put("Sinnerman")  # wrong
    work.import_provenance.put(source_type="flavor_extractor")  # wrong
    work.sogns.put(title="Sinnerman")  # wrong


def instances(work: UnitOfWork) -> None:
    Song(titel="Sinnerman")  # wrong
    Song(title=3)  # wrong
    work.songs.put(Song(titel="Sinnerman"))  # wrong
    work.artists.put(Song(title="Sinnerman"))  # wrong


def references(work: UnitOfWork, library: Library) -> None:
    artist = work.artists.put(artist_mbid="name:nina", name="Nina")
    song = work.songs.put(recording_mbid="5")
    work.song_artists.link(song)  # wrong
    work.song_artists.link(song, artist)  # wrong
    work.song_artists.link(artist, song, weight=1.0)  # wrong
    work.passages.add(file_id=artist, end_time_ticks=1)  # wrong
    work.songs.update(artist, title="Sinnerman")  # wrong
    work.songs.delete(song, where={"titel": "Sinnerman"})  # wrong
    with library.unit_of_work("another") as other:
        other.songs.put(titel="Sinnerman")  # wrong
