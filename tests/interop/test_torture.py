"""The project's torture messages against a running exchange: UDP, TCP, and TCP octet by octet.

The exchange is a proxy to every request but REGISTER. Each way has an exchange of its own, because
some messages cannot be told from retransmissions of the same message sent another way.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from offhook.message import Role
from tests.interop.harness.exchange import Exchange, Profile, Setup, serving
from tests.interop.harness.torture import PROCESSED, Case, Way, stream_of, try_case
from tests.torture import messages

pytestmark = [pytest.mark.interop(), pytest.mark.timeout(60)]

OWED = {
    "no hops left": frozenset({483, 200}),
    "option tags are not ours to refuse": frozenset({420}),  # Proxy-Require is (RFC 3261 16.3)
}
"""What the exchange as a whole answers where its parts find nothing wrong with the message."""


def expected(case: messages.Case, number: int) -> Case:
    """The case with a transaction of its own and what the exchange may answer."""
    data = case.data.replace(b"torture.1", b"torture.%d" % number)
    data = data.replace(b"torture-4475@", b"torture-%d@" % number)
    if data.startswith(b"REGISTER "):
        data = data.replace(b"sip:adam@", b"sip:registrant@")  # nobody shall find odd contacts
    if case.data.startswith(b"SIP/") or not case.parsed:
        return Case(case.name, data, frozenset(), stream_of(data))
    role = Role.REGISTRAR if case.data.startswith(b"REGISTER ") else Role.PROXY
    statuses = case.statuses if role in case.refused_by else OWED.get(case.name, PROCESSED)
    return Case(case.name, data, statuses, stream_of(data))


@pytest.fixture(scope="module", params=list(Way), ids=lambda way: way.value.replace(" ", "-"))
def way(request: pytest.FixtureRequest) -> Way:
    """How messages travel."""
    chosen = request.param
    assert isinstance(chosen, Way)
    return chosen


@pytest.fixture(scope="module")
def exchange(way: Way, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """An open exchange that is responsible for the domain of the messages."""
    profile = Profile("open", ("udp", "tcp"), authenticate=False, registrar=True)
    setup = Setup((profile,), domains=("example.net",))
    with serving(tmp_path_factory.mktemp(way.name), setup) as running:
        yield running
        assert "Traceback" not in running.running.output


CASES = [
    pytest.param(expected(case, number), id=case.name)
    for number, case in enumerate(messages.CASES, 2)
]


@pytest.mark.parametrize("case", CASES)
def test_a_torture_message_gets_what_it_deserves(exchange: Exchange, way: Way, case: Case) -> None:
    outcome = try_case(case, way, exchange.endpoint.address(way.transport))
    assert outcome.passed, f"{outcome.fault}; got {outcome.statuses}, closed {outcome.closed}"
