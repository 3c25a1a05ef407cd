"""Files damaged at random: each is imported or fails with a reason, and none is a surprise."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.support.imports import failures, statuses
from tests.support.sound import FORMATS, make_sound, musicbrainz_tags, tag_sound
from wkmp_orm.models import SessionState
from wkmp_orm.orchestrator import import_folder

if TYPE_CHECKING:
    from pathlib import Path

    from wkmp_orm import Library

UNTAGGED = (".aac", ".oga")
FILES = 200


def damaged(content: bytes, numbers: random.Random) -> bytes:
    """Change, cut out or insert bytes, more or less of them, and now and then break it off."""
    changed = bytearray(content)
    for _ in range(numbers.choice((1, 1, 3, 20, 200))):
        place = numbers.randrange(len(changed))
        match numbers.choice(("byte", "byte", "head", "out", "in")):
            case "byte":
                changed[place] = numbers.randrange(256)
            case "head":
                changed[place % 400] = numbers.randrange(256)
            case "out" if len(changed) > 2_000:
                del changed[place : place + numbers.randrange(1, 500)]
            case "in":
                changed[place:place] = numbers.randbytes(numbers.randrange(1, 500))
    if numbers.random() < 0.15:
        del changed[numbers.randrange(len(changed)) :]
    return bytes(changed)


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_whatever_happened_to_files_each_ends_in_a_way_that_can_be_explained(
    library: Library, music: Path, seed: int
) -> None:
    numbers = random.Random(seed)
    suffixes = sorted(FORMATS)
    for number in range(FILES):
        suffix = suffixes[number % len(suffixes)]
        path = make_sound(music / f"{number}{suffix}", seconds=1)
        if suffix not in UNTAGGED:
            tag_sound(path, **musicbrainz_tags(number))
        path.write_bytes(damaged(path.read_bytes(), numbers))
    summary = import_folder(library, workers=4)
    assert summary.state is SessionState.COMPLETED
    found = Counter(statuses(library).values())
    assert found["INGEST COMPLETE"] > FILES // 3
    assert found["PENDING"] == summary.counts.failed > FILES // 10
    assert sum(found.values()) == summary.counts.done == FILES
    told = [reason for _, reason in failures(library).values()]
    assert len(told) == summary.counts.failed
    surprises = ("unexpected", "crashed")
    assert [reason for reason in told if any(word in reason for word in surprises)] == []
