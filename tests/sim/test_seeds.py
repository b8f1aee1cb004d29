"""Register, call, cancel, fork with loss, duplication and reordering: every seed ends well."""

from __future__ import annotations

import pytest

from tests.sim.mixed import play

SEEDS = 300
CHUNK = 25  # seeds of one test: a failing one names its seed


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_calls_end_whatever_the_wire_does(first: int) -> None:
    for seed in range(first, first + CHUNK):
        play(seed)


@pytest.mark.soak
@pytest.mark.parametrize("first", range(0, 10_000, 1000))
def test_calls_end_for_many_seeds(first: int) -> None:
    for seed in range(first, first + 1000):
        play(seed)
