"""JsSIP or SIP.js in a page of Chromium as a phone: what the tests do with it and wait for."""

from __future__ import annotations

import json

from tests.interop.harness.devtools import Chromium
from tests.interop.harness.endpoint import Account

LOUD = -60.0  # dB below full scale; silence is below -100
NEAR = 15.0  # Hz: the measured spectrum has a value each 12


class WebPhone:
    """One page. It is opened unregistered; `start` makes the phone."""

    def __init__(self, browser: Chromium, site: str, account: Account, *, tone: float) -> None:
        self.account = account
        self._site = site
        self._tone = tone
        self.page = browser.open(site)

    def start(self, server: str, *, password: str = "") -> None:
        """Connect to the WebSocket `server` and register."""
        words = [server, self.account.uri, password or self.account.password, self._tone]
        self._do(f"phone.start({', '.join(map(json.dumps, words))})")

    def reload(self) -> None:
        """Load the page anew: connection and calls are gone."""
        self.page.load(self._site)

    def close(self) -> None:
        """Close the page."""
        self.page.close()

    def dial(self, uri: str) -> None:
        """Call somebody."""
        self._do(f"phone.call({json.dumps(uri)})")

    def answer(self) -> None:
        """Take the call that rings."""
        self._do("phone.answer()")

    def hang_up(self) -> None:
        """End the call; cancel or refuse it, if it was not answered."""
        self._do("phone.hangUp()")

    def wait_registered(self) -> None:
        """Until the 200 to REGISTER."""
        self._until("phone.state.registered", "registered")

    def wait_connected(self) -> None:
        """Until the WebSocket stands."""
        self._until("phone.state.connected", "connected")

    def wait_disconnected(self) -> None:
        """Until the WebSocket is gone."""
        self._until("!phone.state.connected", "disconnected")

    def wait_refused(self, status: int) -> None:
        """Until a REGISTER was refused for good."""
        self._until(f"phone.state.refused === '{status}'", f"refused with {status}")

    def wait_ringing(self, calls: int = 1) -> None:
        """Until a call comes in, the `calls`th of this page."""
        ringing = f"phone.state.ringing && phone.state.incoming === {calls}"
        self._until(ringing, "ringing")

    def wait_progress(self, status: int = 180) -> None:
        """Until the callee rings."""
        self._until(f"phone.state.progress === {status}", f"{status} heard")

    def wait_established(self) -> None:
        """Until the call has its ACK."""
        self._until("phone.state.established", "in a call")

    def wait_ended(self, why: str) -> None:
        """Until the call is over; `why` is JsSIP's word, with the side that ended it."""
        self._until(f"phone.state.ended === {json.dumps(why)}", f"ended as {why!r}")

    def wait_over(self) -> None:
        """Until the call is over, however."""
        self._until("phone.state.ended !== ''", "out of the call")

    def wait_heard(self, frequency: float) -> None:
        """Until this tone is the loudest sound that comes in."""
        heard = f"(h => h.level > {LOUD} && Math.abs(h.frequency - {frequency}) < {NEAR})"
        self._until(f"{heard}(phone.heard())", f"{frequency:g} Hz heard")

    def _do(self, statement: str) -> None:
        self.page.evaluate(f"{statement}, undefined")

    def _until(self, condition: str, what: str) -> None:
        self.page.until(condition, f"{self.account.user} is {what}")
