"""How long tests wait for what is to happen: far longer than it takes on the busiest machine.

A timeout ends what hangs. It says nothing of speed: what measures time is a benchmark.
"""

from __future__ import annotations

from typing import Final

PATIENCE_S: Final = 300.0
"""Beside four busy processes on two processors, starting a command took 50 s and importing three
songs 90 s. Shorter than pytest's own timeout, so that the test's message is the one that is read.
"""
