"""Dialogs of scripted phones (RFC 3261 12)."""

from __future__ import annotations

import pytest

from offhook.message import parse
from offhook.testing.builders import build_request, build_response
from offhook.testing.dialogs import callee_dialog, caller_dialog, cseq_of, tag_of, way_of

ROUTES = [("Record-Route", "<sip:two;lr>, <sip:one;lr>")]
INVITE = build_request("INVITE", "sip:bob@example.com", cseq=7, headers=ROUTES)
ANSWER = build_response(INVITE, 200, to_tag="b", headers=[("Contact", "<sip:bob@192.0.2.2:5062>")])


@pytest.mark.rfc("3261", "12.1.2")
def test_the_caller_turns_the_route_set_around() -> None:
    dialog = caller_dialog(parse(INVITE), parse(ANSWER))
    assert dialog.routes == ["<sip:one;lr>", "<sip:two;lr>"]
    assert (dialog.target, dialog.cseq) == ("sip:bob@192.0.2.2:5062", 7)
    assert dialog.key == ("built@198.51.100.99", "tester", "b")


@pytest.mark.rfc("3261", "12.1.1")
def test_the_callee_keeps_its_order() -> None:
    dialog = callee_dialog(parse(INVITE), "b")
    assert dialog.routes == ["<sip:two;lr>", "<sip:one;lr>"]
    assert dialog.target == "sip:tester@198.51.100.99:5060"
    assert dialog.key == ("built@198.51.100.99", "b", "tester")


@pytest.mark.rfc("3261", "12.2.1.1")
def test_requests_inside() -> None:
    dialog = caller_dialog(parse(INVITE), parse(ANSWER))
    bye = dialog.request("BYE")
    assert (bye.uri, bye.get("cseq")) == ("sip:bob@192.0.2.2:5062", "8 BYE")
    assert bye.get_all("route") == ["<sip:one;lr>", "<sip:two;lr>"]
    assert dialog.request("ACK", cseq=7).get("cseq") == "7 ACK"
    assert dialog.request("INFO").get("cseq") == "9 INFO"


def test_a_dialog_ends_once() -> None:
    dialog = callee_dialog(parse(INVITE), "b")
    dialog.end("them")
    dialog.end("us")
    assert dialog.ended == "them"
    assert dialog.over.is_set()


def test_ways_tags_and_numbers() -> None:
    routed = parse(
        build_request("BYE", "sip:b@192.0.2.9", headers=[("Route", "<sip:192.0.2.1:5070;lr>")])
    )
    assert way_of(routed).port == 5070
    assert way_of(parse(INVITE)).host == "example.com"
    assert (tag_of("<sip:a@b>;tag=x;y=z"), tag_of("<sip:a@b>")) == ("x", "")
    assert cseq_of(parse(INVITE)) == 7
