"""Calls with loss, copies and reordering end well; whatever happens they end and leave nothing."""

from __future__ import annotations

import pytest

from tests.sim import harsh, mixed

SEEDS = 300
CHUNK = 25  # seeds of one test: a failing one names its seed


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_calls_end_whatever_the_wire_does(first: int) -> None:
    for seed in range(first, first + CHUNK):
        mixed.play(seed)


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_nothing_is_left_in_the_server_whatever_happens(first: int) -> None:
    for seed in range(first, first + CHUNK):
        harsh.play(seed)


@pytest.mark.soak
@pytest.mark.parametrize("first", range(0, 10_000, 1000))
def test_calls_end_for_many_seeds(first: int) -> None:
    for seed in range(first, first + 1000):
        mixed.play(seed)
        harsh.play(seed)
