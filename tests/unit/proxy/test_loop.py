"""Loops and spirals told apart by a hash (RFC 5393 4.2)."""

from __future__ import annotations

import pytest

from offhook.message import parse
from offhook.proxy.loop import LOOP_HASH_SIZE, loop_hash, looped
from offhook.testing.builders import build_request


def digest(**changes: object) -> str:
    """The loop hash of a request with changes."""
    options: dict[str, object] = {"uri": "sip:bob@example.com", **changes}
    uri = str(options.pop("uri"))
    message = parse(build_request("INVITE", uri, **options))  # type: ignore[arg-type]  # by name
    return loop_hash(message, message.core())


@pytest.mark.rfc("5393", "4.2.2")
@pytest.mark.parametrize(
    "change",
    [
        {"uri": "sip:carol@example.com"},
        {"caller": "<sip:tester@example.com>;tag=other"},
        {"call_id": "other"},
        {"cseq": 2},
        {"headers": [("Route", "<sip:192.0.2.9;lr>")]},
    ],
)
def test_all_that_routing_depends_on_changes_the_hash(change: dict[str, object]) -> None:
    assert digest(**change) != digest()


@pytest.mark.rfc("5393", "4.2.1")
def test_the_branch_bodies_and_the_to_tag_do_not_matter() -> None:
    assert digest(branch="z9hG4bKother", body=b"x") == digest()
    assert digest(callee="<sip:bob@example.com>;tag=x") == digest()  # the ACK of a refusal
    assert len(digest()) == LOOP_HASH_SIZE


def test_only_a_via_of_ours_with_the_same_hash_is_a_loop() -> None:
    own = ["SIP/2.0/UDP 192.0.2.1:5060;branch="]
    ours = f"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK0.1.{digest()}"
    theirs = f"SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK0.1.{digest()}"
    assert looped([theirs, ours], own, digest())
    assert looped([f"{ours};received=1.2.3.4"], own, digest())
    assert not looped([theirs], own, digest())
    assert not looped([ours], own, "00000000")
    assert not looped([], own, digest())


@pytest.mark.rfc("5393", "4.2")
def test_a_spiral_inside_a_dialog_is_told_by_the_rest_of_its_route() -> None:
    ours = "<sip:0~abcd~internal.0011@192.0.2.1:5060;lr>"
    hashes = []
    for route in (f"{ours}, <sip:192.0.2.7;lr>, {ours}", ours):
        message = parse(
            f"BYE sip:bob@192.0.2.20 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1\r\n"
            f"Route: {route}\r\nFrom: <sip:a@a.example>;tag=a\r\nTo: <sip:b@b.example>;tag=b\r\n"
            "Call-ID: c\r\nCSeq: 2 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n".encode()
        )
        hashes.append(loop_hash(message, message.core()))
    assert hashes[0] != hashes[1]
