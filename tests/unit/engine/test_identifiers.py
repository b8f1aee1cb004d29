"""Branches and To tags."""

from __future__ import annotations

import pytest

from offhook.engine.identifiers import Identifiers
from offhook.engine.settings import EngineSettings
from offhook.message import parse
from offhook.message.interface import Core
from offhook.testing.builders import build_request


def identifiers(key: bytes = b"k" * 32, boot: str = "boot") -> Identifiers:
    """Those of one engine."""
    return Identifiers(EngineSettings(key=key, boot=boot, worker="3"))


def core(branch: str = "z9hG4bKx", cseq: int = 1) -> Core:
    """The core of a request."""
    return parse(build_request("INVITE", "sip:bob@example.com", branch=branch, cseq=cseq)).core()


@pytest.mark.rfc("3261", "8.1.1.7")
def test_branches_are_unique_and_carry_worker_and_loop_hash() -> None:
    made = identifiers()
    branches = [made.branch("abcdef01") for _ in range(100)]
    assert len(set(branches)) == 100
    assert all(branch.startswith("z9hG4bK3boot.") for branch in branches)
    assert all(branch.endswith(".abcdef01") for branch in branches)


@pytest.mark.rfc("3261", "16.11")
def test_a_stateless_branch_is_the_same_for_every_copy() -> None:
    made = identifiers()
    assert made.stateless_branch(core()) == made.stateless_branch(core())
    assert made.stateless_branch(core()) != made.stateless_branch(core(branch="z9hG4bKy"))
    assert made.stateless_branch(core()) != made.stateless_branch(core(cseq=2))


def test_a_to_tag_cannot_be_guessed_without_the_key() -> None:
    assert identifiers().to_tag(core()) == identifiers(boot="other").to_tag(core())
    assert identifiers().to_tag(core()) != identifiers(key=b"x" * 32).to_tag(core())
    assert identifiers().to_tag(core()) != identifiers().to_tag(core(branch="z9hG4bKy"))


def test_draws_are_the_same_for_one_call_and_even_over_calls() -> None:
    made = Identifiers(EngineSettings(key=b"k" * 32, boot="b"))
    one, other = made.draws("call", "h.test"), made.draws("call", "h.test")
    assert [one() for _ in range(5)] == [other() for _ in range(5)]
    numbers = [made.draws(f"call{each}", "h.test")() for each in range(2_000)]
    assert 0.0 <= min(numbers) < 0.01
    assert 0.99 < max(numbers) < 1.0
    assert abs(sum(numbers) / len(numbers) - 0.5) < 0.02
    assert made.draws("call", "i.test")() != made.draws("call", "h.test")()


def test_the_branch_of_an_ack_leads_no_response_anywhere() -> None:
    branch = identifiers().stateless_branch(core())
    assert identifiers().stateless_place(branch, core()) == ""
