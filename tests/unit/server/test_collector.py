"""The garbage collector of a server."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from offhook.server.collector import MIDDLE, OLD, YOUNG, quiet_collector


@pytest.fixture
def collector_put_back() -> Iterator[None]:
    """As it was before."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.usefixtures("collector_put_back")
def test_it_looks_rarely_and_not_at_what_was_there() -> None:
    quiet_collector()
    assert gc.isenabled()  # cycles of a program are still found
    assert gc.get_threshold() == (YOUNG, MIDDLE, OLD)
    assert gc.get_freeze_count() > 0
