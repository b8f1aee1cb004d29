"""Chromium with JsSIP registers and calls through the exchange over WebSocket (RFC 7118).

The browser trusts the authority of the tests as any other; nothing is told to look away. Audio goes
from page to page: each page sends a tone and measures what comes in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop.harness.certificates import Certificate
from tests.interop.harness.devtools import Chromium
from tests.interop.harness.endpoint import Account
from tests.interop.harness.exchange import Exchange, Profile, Setup, choose_ports, serving
from tests.interop.harness.matrix import Matrix
from tests.interop.harness.phones import CALLEE_TONE, CALLER_TONE
from tests.interop.harness.process import LOOPBACK, until
from tests.interop.harness.sipp import Load, Result, Sipp
from tests.interop.harness.web_phone import WebPhone
from tests.interop.harness.website import bundles, website

pytestmark = [
    pytest.mark.interop("chromium", "certutil", "npm", "sipp"),
    pytest.mark.timeout(120),
]

TRANSPORTS = ("ws", "wss")
INSIDE = Profile("internal", TRANSPORTS)
OUTSIDE = Profile("outside", ("udp",), authenticate=False, registrar=False)
each_transport = pytest.mark.parametrize("transport", TRANSPORTS)


@dataclass(frozen=True, slots=True)
class Place:
    """A running exchange, a site whose pages may connect to it, a browser."""

    exchange: Exchange
    site: int
    browser: Chromium

    def page(self, library: str = "jssip", host: str = "localhost") -> str:
        """The URL of a page; only its origin at localhost is allowed."""
        return f"http://{host}:{self.site}/{library}.html"

    def server(self, transport: str) -> str:
        """What the page connects to."""
        return f"{transport}://localhost:{self.exchange.endpoint.ports[transport]}"

    def registrations(self) -> list[str]:
        """Who is registered."""
        return [str(entry["aor"]) for entry in self.exchange.ctl("registrations")]


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """The libraries for pages, kept between runs where pytest keeps things."""
    cache = getattr(pytestconfig, "cache", None)
    return bundles(cache.mkdir("npm") if cache is not None else tmp_path_factory.mktemp("npm"))


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory,
    certificate: Certificate,
    libraries: Path,
    alice: Account,
    bob: Account,
) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("browser")
    with website(folder / "site", libraries) as site:
        setup = Setup(
            (INSIDE, OUTSIDE),
            (alice, bob),
            certificate,
            extra=f'[websocket]\norigins = ["http://localhost:{site}"]\n',
        )
        with serving(folder / "exchange", setup, ports=choose_ports(setup)) as exchange:
            browser = Chromium(folder, certificate.authority)
            try:
                yield Place(exchange, site, browser)
            finally:
                browser.stop()


OpenPhone = Callable[..., WebPhone]


@pytest.fixture
def open_phone(place: Place) -> Iterator[OpenPhone]:
    """Open a page: ``open_phone(account, tone=440.0, url=place.page())``."""
    opened: list[WebPhone] = []

    def start(account: Account, *, tone: float = CALLER_TONE, url: str = "") -> WebPhone:
        phone = WebPhone(place.browser, url or place.page(), account, tone=tone)
        opened.append(phone)
        return phone

    yield start
    for phone in opened:
        phone.close()
    until(lambda: not place.registrations(), timeout=10, what="closed pages unreachable")


@pytest.fixture
def pair(
    place: Place, open_phone: OpenPhone, alice: Account, bob: Account, transport: str
) -> tuple[WebPhone, WebPhone]:
    """Two pages that are registered over ``transport``."""
    caller, callee = open_phone(alice), open_phone(bob, tone=CALLEE_TONE)
    for phone in (caller, callee):
        phone.start(place.server(transport))
    for phone in (caller, callee):
        phone.wait_registered()
    return caller, callee


def ring(caller: WebPhone, callee: WebPhone) -> None:
    """A call up to its 180."""
    caller.dial(callee.account.uri)
    callee.wait_ringing()
    caller.wait_progress()


@each_transport
def test_pages_call_each_other_with_sound_both_ways(
    pair: tuple[WebPhone, WebPhone], matrix: Matrix, transport: str
) -> None:
    caller, callee = pair
    with matrix.cell("register, MD5", transport, "jssip"):
        caller.wait_registered()
    with (
        matrix.cell("call placed", transport, "jssip"),
        matrix.cell("call received", transport, "jssip"),
    ):
        ring(caller, callee)
        callee.answer()
        caller.wait_established()
        callee.wait_established()
    with matrix.cell("audio both ways", transport, "jssip"):
        caller.wait_heard(CALLEE_TONE)
        callee.wait_heard(CALLER_TONE)
    with matrix.cell("hang-up by caller", transport, "jssip"):
        caller.hang_up()
        callee.wait_ended("remote Terminated")
        caller.wait_ended("local Terminated")


@pytest.mark.parametrize("calling", ["sipjs", "jssip"])
def test_pages_with_different_libraries_call_each_other(
    place: Place,
    open_phone: OpenPhone,
    matrix: Matrix,
    alice: Account,
    bob: Account,
    *,
    calling: str,
) -> None:
    called = "jssip" if calling == "sipjs" else "sipjs"
    caller = open_phone(alice, url=place.page(calling))
    callee = open_phone(bob, tone=CALLEE_TONE, url=place.page(called))
    with matrix.cell("register, MD5", "wss", "sipjs"):
        for phone in (caller, callee):
            phone.start(place.server("wss"))
        for phone in (caller, callee):
            phone.wait_registered()
    placed = matrix.cell("call placed", "wss", calling)
    with placed, matrix.cell("call received", "wss", called):
        ring(caller, callee)
        callee.answer()
        caller.wait_established()
        callee.wait_established()
    with matrix.cell("audio both ways", "wss", "sipjs"):
        caller.wait_heard(CALLEE_TONE)
        callee.wait_heard(CALLER_TONE)
    with (
        matrix.cell("hang-up by caller", "wss", calling),
        matrix.cell("hang-up by callee", "wss", called),
    ):
        caller.hang_up()
        callee.wait_over()
        caller.dial(callee.account.uri)
        callee.wait_ringing(2)
        callee.answer()
        caller.wait_established()
        callee.hang_up()
        caller.wait_over()


@pytest.mark.parametrize("transport", ["wss"])
def test_the_callee_hangs_up(
    pair: tuple[WebPhone, WebPhone], matrix: Matrix, transport: str
) -> None:
    caller, callee = pair
    with matrix.cell("hang-up by callee", transport, "jssip"):
        ring(caller, callee)
        callee.answer()
        caller.wait_established()
        callee.wait_established()
        callee.hang_up()
        caller.wait_ended("remote Terminated")


@pytest.mark.parametrize("transport", ["wss"])
def test_calls_that_do_not_come_about(
    pair: tuple[WebPhone, WebPhone], matrix: Matrix, transport: str
) -> None:
    caller, callee = pair
    with matrix.cell("CANCEL", transport, "jssip"):
        ring(caller, callee)
        caller.hang_up()
        callee.wait_ended("remote Canceled")
        caller.wait_ended("local Canceled")
    with matrix.cell("refusal by callee", transport, "jssip"):
        caller.dial(callee.account.uri)
        callee.wait_ringing(2)
        callee.hang_up()
        caller.wait_ended("remote Unavailable")
    with matrix.cell("unknown user", transport, "jssip"):
        caller.dial("sip:nobody@example.com")
        caller.wait_ended("remote Not Found")


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize("transport", ["wss"])
def test_a_call_from_outside_rings_the_page_and_is_cancelled(
    place: Place, pair: tuple[WebPhone, WebPhone], tmp_path: Path
) -> None:
    _, callee = pair
    server = place.exchange.endpoints["outside"].address("udp")
    caller = Sipp(tmp_path, "canceller", Load(service="bob"), target=server)
    try:
        assert caller.finish(timeout=20) == Result(1, 1, 0, 0, 0), caller.explain()
        callee.wait_ended("remote Canceled")
    finally:
        caller.stop()


@pytest.mark.parametrize("transport", ["wss"])
def test_a_page_that_reloads_is_unreachable_until_it_registers_again(
    place: Place, pair: tuple[WebPhone, WebPhone], matrix: Matrix, transport: str
) -> None:
    caller, callee = pair
    with matrix.cell("reload of the page", transport, "jssip"):
        assert sorted(place.registrations()) == ["sip:alice@example.com", "sip:bob@example.com"]
        callee.reload()
        caller.dial(callee.account.uri)
        caller.wait_ended("remote Unavailable")
        callee.start(place.server(transport))
        callee.wait_registered()
        ring(caller, callee)
        callee.answer()
        caller.wait_established()
        callee.reload()  # its end of the call is gone with it
        until(
            lambda: place.registrations() == ["sip:alice@example.com"],
            timeout=10,
            what="only the caller registered",
        )
        caller.hang_up()
        caller.wait_ended("local Terminated")


@each_transport
def test_a_wrong_password_is_refused(
    place: Place, open_phone: OpenPhone, matrix: Matrix, bob: Account, transport: str
) -> None:
    phone = open_phone(bob)
    with matrix.cell("wrong password refused", transport, "jssip"):
        phone.start(place.server(transport), password="wrong")
        phone.wait_connected()
        phone.wait_refused(401)


@each_transport
def test_a_page_of_a_foreign_site_is_refused(
    place: Place, open_phone: OpenPhone, matrix: Matrix, bob: Account, transport: str
) -> None:
    phone = open_phone(bob, url=place.page(host=LOOPBACK))
    server = place.exchange.running
    with matrix.cell("page of a foreign site refused", transport, "jssip"):
        before = server.mark()
        phone.start(place.server(transport))
        line = server.wait_for(r'"event": "websocket_refused"', after=before).string
        assert f'"origin": "http://{LOOPBACK}:{place.site}"' in line
        assert not phone.page.evaluate("phone.state.connected")


@pytest.mark.parametrize("transport", ["wss"])
def test_pages_come_back_by_themselves_after_a_restart(
    place: Place, pair: tuple[WebPhone, WebPhone], matrix: Matrix, transport: str
) -> None:
    caller, callee = pair
    with matrix.cell("restart of the server", transport, "jssip"):
        assert place.exchange.stop() == 0
        for phone in pair:
            phone.wait_disconnected()
        place.exchange.start()
        for phone in pair:
            phone.wait_registered()
        ring(caller, callee)
        callee.answer()
        caller.wait_established()
        caller.wait_heard(CALLEE_TONE)
