"""The limit of open files."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from offhook.server.descriptors import WANTED, raise_descriptors


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_the_soft_limit_is_raised_to_what_is_allowed() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, hard), hard))
    now = raise_descriptors()
    assert now == (WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard))
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (now, hard)
    assert raise_descriptors() == now


def test_a_refusal_is_lived_with(monkeypatch: pytest.MonkeyPatch) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, hard), hard))

    def refuse(_which: int, _limits: tuple[int, int]) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert raise_descriptors() == min(512, hard)
    monkeypatch.undo()
