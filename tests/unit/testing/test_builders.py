"""Built messages are whole, and broken only where a test says so."""

from __future__ import annotations

import pytest

from offhook.message import Role, parse, validate
from offhook.testing.builders import build_request, build_response


@pytest.mark.parametrize("method", ["INVITE", "ACK", "REGISTER", "OPTIONS", "BYE"])
def test_a_built_request_is_valid(method: str) -> None:
    message = parse(build_request(method, "sip:bob@example.com", body=b"xyz"))
    assert validate(message, Role.PROXY) is None
    assert (message.method, message.body) == (method, b"xyz")
    assert message.core().cseq_method == method


def test_lines_are_changed_added_and_left_out() -> None:
    message = parse(
        build_request(
            "INVITE",
            "sip:bob@example.com",
            source=("2001:db8::1", 5062),
            transport="TCP",
            callee="<sip:b@c>;tag=t",
            headers=[("Subject", "x")],
            without=["contact", "Max-Forwards"],
        )
    )
    assert (message.get("via") or "").startswith("SIP/2.0/TCP [2001:db8::1]:5062;")
    assert message.core().to_tag == "t"
    assert message.get("subject") == "x"
    assert message.get("contact") is message.get("max-forwards") is None


def test_a_response_copies_what_it_must() -> None:
    request = build_request(
        "INVITE", "sip:bob@example.com", headers=[("Record-Route", "<sip:a;lr>"), ("Subject", "x")]
    )
    response = parse(build_response(request, 180, headers=[("Contact", "<sip:b@c>")], body=b"b"))
    assert response.status == 180
    for name in ("via", "from", "call-id", "cseq", "record-route"):
        assert response.get_all(name) == parse(request).get_all(name)
    assert response.core().to_tag == "built"
    assert response.get("subject") is None
    assert parse(build_response(request, 100)).core().to_tag == ""
