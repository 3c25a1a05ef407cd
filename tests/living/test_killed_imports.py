"""A process that is killed while rows follow their files leaves what the next import puts right."""

from __future__ import annotations

import random
import shutil
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.living.folder import Folder, edits, import_and_check
from tests.orchestrator.test_import_killed import kill_after
from tests.support.imports import table
from wkmp_orm import Library, Passage
from wkmp_orm.orchestrator import import_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KILLS = 3


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_killed_at_any_moment_the_next_import_ends_as_if_nothing_had_happened(
    library: Library, music: Path, tmp_path: Path, sqlite_template: Path
) -> None:
    @contextmanager
    def fresh() -> Iterator[Library]:
        path = tmp_path / "fresh.db"
        shutil.copyfile(sqlite_template, path)
        with Library.open(path, root=music) as other:
            yield other

    is_file = library.target.dialect == "sqlite"
    url = str(library.target.path if is_file else library.target.url)
    moments = random.Random(1)
    folder = Folder(music)
    for number in range(4):
        folder.make(f"x/{number}.flac", number, 0)
    summary = import_folder(library, workers=1)
    with library.unit_of_work("a user") as work:
        for (guid,) in table(library, Passage, "guid"):
            work.passages.update(guid, user_title=f"mine {guid}")
    edited = edits(library)
    ended: list[int | None] = []
    for number in range(KILLS):
        here, there = ("x", "y") if number % 2 == 0 else ("y", "x")
        folder.move_tree(here, there)
        folder.swap(f"{there}/0.flac", f"{there}/1.flac")
        folder.tag(f"{there}/2.flac", 2, number + 1)
        folder.copy(f"{there}/3.flac", f"{there}/copy {number}.flac")
        (music / f"{there}/3.flac").unlink()
        ended.append(kill_after(moments.uniform(0, summary.seconds), url, music))
        folder.rename(f"{there}/copy {number}.flac", f"{there}/3.flac")
        import_and_check(library, folder, fresh)
        assert edited <= edits(library)
    assert -signal.SIGKILL in ended
