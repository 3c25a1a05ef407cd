"""Kills of imports of real sound files, each of which the next import finishes."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

import psutil

from tests.support.canonical import canonical
from tests.support.patience import PATIENCE_S
from tests.support.sound import make_rip, make_sound, musicbrainz_tags, tag_sound
from wkmp_orm import Library
from wkmp_orm.models import SessionState
from wkmp_orm.orchestrator import import_folder

from .children import Child
from .journal import Journal
from .kills_sqlite import examined, failures
from .oracle import damage_of
from .places import SqlitePlace

if TYPE_CHECKING:
    from pathlib import Path

    from .run import Run


def make_music(folder: Path) -> None:
    """Make what differs for an import: songs, copies, a rip, silence, and what is no sound."""
    folder.mkdir()
    for number, suffix in enumerate((".flac", ".mp3", ".ogg", ".m4a")):
        path = make_sound(folder / f"{number}{suffix}", seconds=1, frequency=300 + 10 * number)
        # What files say of shared rows must agree, because what the first one says stays.
        tags = musicbrainz_tags(number, artists=1 + number % 2) | {"albumartist": "Artist 0"}
        tag_sound(path, **tags | {"date": date(1965, 3, 1)})
    make_rip(folder / "side.flac", [("tone", 1.0), ("silence", 1.0), ("noise", 1.0)])
    make_sound(folder / "silence.wav", wave="silence", seconds=1)
    (folder / "copy.flac").write_bytes((folder / "0.flac").read_bytes())
    (folder / "text.mp3").write_text("Dear diary, today I renamed you.\n" * 50)


def kills_in_import(run: Run) -> None:
    """Kill an import up to five times, finish it, and compare it with an undisturbed one."""
    music = run.folder / "sound"
    make_music(music)
    place = SqlitePlace(run.folder / run.part)
    place.renew()
    journal = Journal()
    began = time.monotonic()
    _import(journal, place.path, music)
    usual_s = time.monotonic() - began
    with Library.open(place.path) as library:
        expected = canonical(library)
    while run.goes_on():
        chance = run.moment()
        place.renew()
        journal = Journal()
        killed = 0
        losses = []
        for _ in range(chance.randint(2, 5)):
            journal.ready = 0
            child = Child(journal, partial(_import, journal, place.path, music))
            child.wait_until(lambda: journal.ready > 0)  # noqa: B023 - it runs at once
            time.sleep(chance.uniform(0, usual_s))
            was_killed = _killed_with_its_decoders(child)
            losses += [*failures(journal, [child]), *damage_of(place.path)]
            if not was_killed:  # it was through sooner, and there is nothing left to be killed
                usual_s *= 0.8
                break
            killed += 1
            usual_s *= 1.04
        last = Child(journal, partial(_import, journal, place.path, music))
        if last.wait() != 0:
            losses.append(f"could not be finished afterwards: {journal.told()}")
        losses += examined(place.path)
        with Library.open(place.path) as library:
            losses += _differences(canonical(library), expected)
        run.passed(killed, losses=losses, imports_finished=1)


def _import(journal: Journal, path: Path, music: Path) -> None:
    with Library.open(path, root=music) as library:
        journal.ready += 1
        summary = import_folder(library, workers=2)
        if summary.state is not SessionState.COMPLETED:
            raise RuntimeError(str(summary))


def _killed_with_its_decoders(child: Child) -> bool:
    """Kill a process, and wait until those that decoded for it have seen that and are gone."""
    decoders = []
    if child.poll() is None:
        with suppress(psutil.NoSuchProcess):
            decoders = psutil.Process(child.pid).children()
    killed = child.kill()
    _, alive = psutil.wait_procs(decoders, timeout=PATIENCE_S)
    if alive:
        message = f"processes of a killed import go on: {alive}"
        raise RuntimeError(message)
    return killed


def _differences(found: dict[str, list[str]], expected: dict[str, list[str]]) -> list[str]:
    return [
        f"{table} has {[row for row in rows if row not in expected[table]]} and lacks"
        f" {[row for row in expected[table] if row not in rows]}"
        for table, rows in found.items()
        if rows != expected[table]
    ]
