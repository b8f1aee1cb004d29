"""Requests of dialogs whose phone has another way by now, as peers see them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from offhook.exchange import Decision, Exchange, Gateway, Request
from offhook.testing.builders import build_request
from offhook.transport.flow import Flow
from tests.unit.exchange.bench import Bench, Setting
from tests.unit.recording_network import Sent

OPEN = Setting(authenticate=False)
ONE = "<urn:uuid:one>"
GRUU = "sip:bob@example.com;gr=urn:uuid:one"
CONTACT = "sip:bob@198.51.100.2:5060"


class Dialog:
    """alice called bob, who is on a connection."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.flow = self.connect(4000)
        sent = bench.ask("INVITE", "sip:bob@example.com", call_id="dialog")
        invite = next(each for each in sent if each.is_request)
        assert invite.uri == CONTACT
        self._routes = [("Route", value) for value in reversed(invite.get_all("record-route"))]
        self._caller = invite.get("from") or ""
        self._cseq = 1

    def connect(self, port: int, instance: str = ONE, contact: str = CONTACT) -> Flow:
        """bob registers over a new connection, in place of all that was."""
        flow = self.bench.run(self._accept(port))
        self.bench.bindings.update_now("sip:bob@example.com", lambda _: (None, ()))
        self.bench.bind(
            "bob",
            "198.51.100.2",
            flow=flow.name,
            by_flow=True,
            instance=instance,
            contact=contact,
        )
        return flow

    async def _accept(self, port: int) -> Flow:
        return self.bench.network.accept(("198.51.100.2", port), "internal")

    def lose(self) -> None:
        """The connection ends."""
        self.bench.play(lambda: self.bench.network.lose(self.flow))

    def ask(self, method: str, uri: str, *behind: str) -> list[Sent]:
        """A request of alice in the dialog; `behind` are further Routes."""
        self._cseq += 1
        data = build_request(
            method,
            uri,
            source=("198.51.100.1", 5060),
            branch=f"z9hG4bKin{self._cseq}",
            caller=self._caller,
            callee="<sip:bob@example.com>;tag=bob",
            call_id="dialog",
            cseq=self._cseq,
            headers=[*self._routes, *[("Route", value) for value in behind]],
        )
        start = len(self.bench.network.sent)
        self.bench.receive(data)
        return self.bench.network.sent[start:]


@pytest.mark.parametrize("method", ["BYE", "ACK", "INVITE"])
def test_a_token_whose_connection_is_gone_leads_to_the_next(method: str) -> None:
    with Bench(setting=OPEN) as bench:
        dialog = Dialog(bench)
        dialog.lose()
        flow = dialog.connect(4001, contact="sip:bob@198.51.100.2:4001")
        (sent,) = [each for each in dialog.ask(method, CONTACT) if each.message.method == method]
        # the phone knows its dialog by the Contact that it gave then
        assert (sent.flow, sent.message.uri) == (flow, CONTACT)
        assert sent.message.get("route") is None


@pytest.mark.parametrize("instance", ["<urn:uuid:two>", ""])
def test_another_phone_inherits_nothing(instance: str) -> None:
    with Bench(setting=OPEN) as bench:
        dialog = Dialog(bench)
        dialog.lose()
        flow = dialog.connect(4001, instance)
        sent = dialog.ask("BYE", CONTACT)
        assert [each for each in sent if each.flow is flow] == []
        assert dialog.ask("ACK", CONTACT) == [] or flow not in [each.flow for each in sent]


@pytest.mark.rfc("5627", "6.1")
@pytest.mark.parametrize("method", ["BYE", "ACK"])
def test_a_gruu_in_a_dialog_is_looked_up(method: str) -> None:
    with Bench(setting=OPEN) as bench:
        dialog = Dialog(bench)
        bench.bind("bob", "198.51.100.3", instance="<urn:uuid:two>")  # another phone of bob's
        (sent,) = dialog.ask(method, GRUU)
        assert (sent.flow, sent.message.uri) == (dialog.flow, CONTACT)
        dialog.lose()
        flow = dialog.connect(4001)
        (sent,) = dialog.ask(method, GRUU)
        assert (sent.flow, sent.message.uri) == (flow, CONTACT)


@pytest.mark.parametrize("method", ["BYE", "ACK"])
def test_a_gruu_whose_phone_has_unregistered_is_reached_while_it_is_connected(method: str) -> None:
    with Bench(setting=OPEN) as bench:
        dialog = Dialog(bench)
        bench.bindings.update_now("sip:bob@example.com", lambda _: (None, ()))
        (sent,) = dialog.ask(method, GRUU)
        assert (sent.flow, sent.message.uri) == (dialog.flow, GRUU)
        dialog.lose()
        assert [each.message.status for each in dialog.ask(method, GRUU)] == (
            [404] if method == "BYE" else []
        )


@pytest.mark.rfc("5627", "6.1")
@pytest.mark.parametrize("method", ["BYE", "ACK"])
def test_behind_an_edge_the_route_counts_and_the_contact_replaces_the_gruu(method: str) -> None:
    with Bench(setting=OPEN) as bench:
        dialog = Dialog(bench)
        (sent,) = dialog.ask(method, GRUU, "<sip:edge@192.0.2.77;lr>")
        assert sent.flow is dialog.flow
        assert sent.message.uri == CONTACT
        assert sent.message.get("route") == "<sip:edge@192.0.2.77;lr>"


def test_an_ack_takes_the_flow_that_is_alive() -> None:
    with Bench(setting=OPEN) as bench:
        dialog = Dialog(bench)
        bench.bind(
            "bob",
            "198.51.100.2",
            flow="tls/192.0.2.1:5061/198.51.100.2:9/gone",
            by_flow=True,
            instance=ONE,
            registered=2e9,
        )
        (sent,) = dialog.ask("ACK", GRUU)
        assert sent.flow is dialog.flow


@pytest.mark.rfc("5923", "8.2")
@pytest.mark.parametrize(
    ("contact", "opened"),
    [
        ("sip:331@198.51.100.9;transport=tls", [("198.51.100.9", 5061)]),
        ("sip:331@198.51.100.77;transport=tls", []),  # a phone has to come back by itself
    ],
)
def test_a_gateway_is_connected_to_anew(contact: str, opened: list[tuple[str, int]]) -> None:
    exchange = Exchange()

    @exchange.request("INVITE")
    async def route(request: Request) -> Decision:
        return await request.fork(exchange.gateways["carrier"])

    carrier = Gateway("carrier", "sips:198.51.100.9", "internal")
    setting = replace(OPEN, secure=True, gateways=(carrier,))
    with Bench(exchange, setting) as bench:
        bench.ask("INVITE", "sip:331@example.com", call_id="dialog")
        (invite,) = [each for each in bench.network.sent if each.message.method == "INVITE"]
        assert invite.flow.transport == "TLS"
        bench.play(lambda: bench.network.lose(invite.flow))
        bench.network.opened.clear()
        routes = invite.message.get_all("record-route")
        bye = build_request(
            "BYE",
            contact,
            source=("198.51.100.1", 5060),
            branch="z9hG4bKbye",
            caller=invite.message.get("from") or "",
            callee="<sip:331@example.com>;tag=carrier",
            call_id="dialog",
            cseq=2,
            headers=[("Route", value) for value in reversed(routes)],
        )
        sent = bench.receive(bye)
        assert [each.destination for each in bench.network.opened] == opened
        assert [each.status for each in sent if each.status] == ([] if opened else [480])
