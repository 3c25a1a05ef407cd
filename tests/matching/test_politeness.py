"""Turns are evenly spaced whoever takes them, and a breaker opens once and for good."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from wkmp_orm.matching.politeness import CircuitBreaker, RateLimiter, Turn


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_eight_threads_get_turns_that_are_an_interval_apart() -> None:
    clock = Clock()
    limiter = RateLimiter(0.25, clock=clock)
    begin = threading.Barrier(8)

    def take(_: int) -> list[Turn]:
        begin.wait()
        return [limiter.take_turn() for _ in range(50)]

    with ThreadPoolExecutor(8) as pool:
        turns = [turn for taken in pool.map(take, range(8)) for turn in taken]

    assert sorted(turn.at for turn in turns) == [1_000.0 + 0.25 * n for n in range(400)]
    assert all(turn.in_s == turn.at - 1_000.0 for turn in turns)


@given(st.lists(st.floats(0, 3), min_size=2, max_size=30))
def test_turns_are_never_saved_up_and_never_closer_than_the_interval(pauses: list[float]) -> None:
    clock = Clock()
    limiter = RateLimiter(1.0, clock=clock)
    at = []
    for pause in pauses:
        turn = limiter.take_turn()
        assert turn.in_s >= 0
        clock.now = turn.at + pause
        at.append(turn.at)
    assert all(later - earlier >= 1.0 - 1e-9 for earlier, later in pairwise(at))


def test_a_postponement_takes_back_the_turns_before_its_end() -> None:
    clock = Clock()
    limiter = RateLimiter(1.0, clock=clock)
    turns = [limiter.take_turn() for _ in range(4)]

    limiter.postpone(2.5)

    assert [limiter.is_due(turn) for turn in turns] == [False, False, False, True]
    again = [limiter.take_turn() for _ in range(3)]
    assert [turn.at for turn in again] == [1_004.0, 1_005.0, 1_006.0]
    assert all(limiter.is_due(turn) for turn in again)


def test_a_breaker_opens_after_failures_in_a_row_and_says_so_to_one_thread() -> None:
    breaker = CircuitBreaker(5)
    for _ in range(4):
        assert not breaker.failed()
    breaker.succeeded()
    assert not any(breaker.failed() for _ in range(4))
    assert not breaker.is_open

    begin = threading.Barrier(8)

    def fail(_: int) -> bool:
        begin.wait()
        return breaker.failed()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(fail, range(8))) == 1
    assert breaker.is_open


def test_what_is_open_stays_open() -> None:
    breaker = CircuitBreaker()
    assert breaker.open()
    assert not breaker.open()
    breaker.succeeded()
    assert breaker.is_open
