"""Keys are UUIDv7: in the order in which they were made, and never the same twice."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from uuid import UUID

import pytest

from wkmp_orm import new_guid
from wkmp_orm.core.types import is_uuid

FORKS = """
import os
from wkmp_orm import new_guid

new_guid()  # the children inherit a generator that is in use
for _ in range(8):
    if os.fork() == 0:
        keys = "".join(new_guid() + "\\n" for _ in range(100))
        os.write(1, keys.encode())  # whole: it is less than a pipe takes at once
        os._exit(0)
for _ in range(8):
    os.wait()
"""


def test_a_key_is_a_uuid_of_version_7_in_the_stored_spelling() -> None:
    key = new_guid()
    assert UUID(key).version == 7
    assert is_uuid(key)


def test_later_keys_sort_after_earlier_ones_as_text() -> None:
    keys = [new_guid() for _ in range(20_000)]  # many in one millisecond
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


@pytest.mark.smoke
def test_threads_never_make_the_same_key() -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: [new_guid() for _ in range(2_000)], range(8)))
    assert len(set(chain(*made))) == 16_000
    assert all(keys == sorted(keys) for keys in made)


def test_forked_children_never_make_the_same_key() -> None:
    # In a process of its own: this one has threads, with which a fork is no longer allowed.
    ended = subprocess.run(
        [sys.executable, "-c", FORKS], capture_output=True, text=True, check=True
    )
    keys = ended.stdout.split()
    assert len(keys) == len(set(keys)) == 800


def test_only_the_stored_spelling_counts_as_a_uuid() -> None:
    assert is_uuid("0190163d-8694-739b-aea5-966c26f8ad91")
    assert not is_uuid("0190163D-8694-739B-AEA5-966C26F8AD91")
    assert not is_uuid("0190163d8694739baea5966c26f8ad91")
    assert not is_uuid("{0190163d-8694-739b-aea5-966c26f8ad91}")
    assert not is_uuid("")
