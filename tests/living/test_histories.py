"""Whatever happens to a folder of music, the library follows: generated histories of it."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.flush.stored import Rows, restore
from tests.living.folder import Folder, import_and_check
from tests.support.imports import table
from wkmp_orm import Library, Passage, Song
from wkmp_orm.orchestrator import import_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG: Final = int(os.environ.get("WKMP_LIVING_HISTORIES", "16"))
"""How many histories the slow test performs on each database: in CI always the same, elsewhere each
time others. Each takes some 3 s of computing: 300 are for a machine that has an hour."""

names = st.sampled_from(
    [f"{folder}{name}.flac" for folder in ("", "x/", "y/", "x/z/") for name in ("a", "A", "b", "c")]
)
sounds = st.integers(0, 3)
wordings = st.integers(0, 2)
which = st.integers(0, 10_000)


class PowerFailureError(BaseException):
    """Nothing is written any more, as after kill -9."""


class LivingFolder(RuleBasedStateMachine):
    """A library and its folder, on one of the two databases."""

    library: ClassVar[Library]
    at_first: ClassVar[Rows]
    template: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self._elsewhere = TemporaryDirectory()
        self.elsewhere = Path(self._elsewhere.name)
        restore(self.library, self.at_first)
        shutil.rmtree(self.library.root)
        self.library.root.mkdir()
        self.folder = Folder(self.library.root)

    def teardown(self) -> None:
        """Check once more, at the end of the history."""
        try:
            self.check()
        finally:
            self._elsewhere.cleanup()

    def _one(self, number: int) -> str:
        paths = self.folder.paths()
        return paths[number % len(paths)]

    has_files = precondition(lambda self: bool(self.folder.paths()))
    has_folders = precondition(lambda self: bool(self.folder.folders()))

    @initialize(files=st.dictionaries(names, st.tuples(sounds, wordings), min_size=2, max_size=6))
    def begin(self, files: dict[str, tuple[int, int]]) -> None:
        for path, (sound, tags) in files.items():
            self.folder.make(path, sound, tags)
        self.check()

    @rule(path=names, sound=sounds, tags=wordings)
    def add_or_replace(self, path: str, sound: int, tags: int) -> None:
        self.folder.make(path, sound, tags)

    @has_files
    @rule(number=which, path=names)
    def copy(self, number: int, path: str) -> None:
        self.folder.copy(self._one(number), path)

    @has_files
    @rule(number=which, path=names)
    def rename(self, number: int, path: str) -> None:
        self.folder.rename(self._one(number), path)

    @has_folders
    @rule(number=which, new=st.sampled_from(["w", "x", "X", "y"]))
    def move_tree(self, number: int, new: str) -> None:
        folders = self.folder.folders()
        old = folders[number % len(folders)]
        if old != new:
            self.folder.move_tree(old, new)

    @has_files
    @rule(one=which, other=which)
    def swap(self, one: int, other: int) -> None:
        if self._one(one) != self._one(other):
            self.folder.swap(self._one(one), self._one(other))

    @has_files
    @rule(number=which)
    def delete(self, number: int) -> None:
        (self.folder.root / self._one(number)).unlink()

    @has_files
    @rule(number=which, sound=sounds, tags=wordings)
    def retag(self, number: int, sound: int, tags: int) -> None:
        self.folder.tag(self._one(number), sound, tags)

    @has_folders
    @rule(number=which)
    def unplug(self, number: int) -> None:
        folders = self.folder.folders()
        self.folder.unplug(folders[number % len(folders)], self.elsewhere)

    @precondition(lambda self: bool(self.folder.away))
    @rule(number=which)
    def plug(self, number: int) -> None:
        away = sorted(self.folder.away)
        self.folder.plug(away[number % len(away)])

    @rule(number=which)
    def edit(self, number: int) -> None:
        """Give a passage a title of the user's."""
        passages = table(self.library, Passage, "guid")
        ((guid,),) = [passages[number % len(passages)]]
        with self.library.unit_of_work("a user") as work:
            work.passages.update(guid, user_title=f"mine {number}")

    @rule(number=which)
    def tune(self, number: int) -> None:
        """Let a user prefer a song."""
        songs = sorted(guid for (guid,) in table(self.library, Song, "guid"))
        with self.library.unit_of_work("a user") as work:
            work.songs.update(songs[number % len(songs)], base_probability=0.5)

    @rule(commits=st.integers(0, 12))
    def import_that_is_killed(self, commits: int) -> None:
        with failing_after(self.library, commits):
            try:
                import_folder(self.library, workers=1)
            except PowerFailureError:
                return

    @rule()
    def import_in_between(self) -> None:
        import_folder(self.library, workers=1)

    @rule()
    def check(self) -> None:
        """Import, and look whether all holds that must."""
        import_and_check(self.library, self.folder, self._fresh)

    @contextmanager
    def _fresh(self) -> Iterator[Library]:
        path = self.elsewhere / "fresh.db"
        shutil.copyfile(self.template, path)
        with Library.open(path, root=self.folder.root) as fresh:
            yield fresh


@contextmanager
def failing_after(library: Library, commits: int) -> Iterator[None]:
    """Let so many units of work be written inside the block, and no more."""
    flush, left = library.flush, [commits]

    def failing(*args: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise PowerFailureError
        return flush(*args, **options)

    library.flush = failing  # type: ignore[method-assign]
    try:
        yield
    finally:
        del library.flush


def explore(opened: tuple[Library, Rows], template: Path, histories: int, *, steps: int) -> None:
    """Perform so many histories on a library."""
    library, at_first = opened
    LivingFolder.library, LivingFolder.at_first = library, at_first
    LivingFolder.template = template
    run_state_machine_as_test(
        LivingFolder,
        settings=settings(
            max_examples=histories,
            stateful_step_count=steps,
            deadline=None,
            derandomize=histories < LONG or "CI" in os.environ,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        ),
    )


def test_after_any_history_the_library_is_as_new_and_has_forgotten_nothing(
    opened: tuple[Library, Rows], sqlite_template: Path
) -> None:
    explore(opened, sqlite_template, 4, steps=5)


@pytest.mark.slow
@pytest.mark.timeout(6 * 3600)
def test_after_many_more_histories_as_well(
    opened: tuple[Library, Rows], sqlite_template: Path
) -> None:
    explore(opened, sqlite_template, LONG, steps=8)
