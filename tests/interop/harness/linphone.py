"""Linphone 5.1 (linphonec) as a phone, driven by typing into it.

File mode instead of a sound card: plays a tone, records what it hears. It has its own HOME and
configuration below the test's folder, verifies server certificates, and answers the topmost digest
challenge.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.interop.harness import tones, trace
from tests.interop.harness.endpoint import TRANSPORTS, Account, Endpoint
from tests.interop.harness.namespaces import HERE, Place
from tests.interop.harness.process import Program, free_port, until

TONE_SECONDS = 40.0

_CONFIG = """\
[net]
mtu=1300
firewall_policy=0
[sip]
bind_address={host}
{listener}
guess_hostname=1
contact=sip:{user}@{host}
verify_server_certs=1
verify_server_cn=1
root_ca={authority}
default_proxy=0
inc_timeout=30
register_only_when_network_is_up=0
ping_with_options=0
use_ipv6=0
[proxy_0]
reg_proxy=<{proxy}>
reg_route=<{proxy}>
reg_identity=<sip:{user}@{domain}>
reg_expires=600
reg_sendregister=1
publish=0
[auth_info_0]
username={user}
passwd={password}
realm={domain}
domain={domain}
[rtp]
audio_rtp_port={rtp}
[sound]
remote_ring=
local_ring=
echocancellation=0
[audio_codec_0]
mime=PCMU
rate=8000
channels=1
enabled=1
"""


class Linphone:
    """A running linphonec with one account."""

    kind = "linphonec"

    def __init__(
        self,
        folder: Path,
        account: Account,
        server: Endpoint,
        *,
        transport: str,
        tone: float,
        place: Place = HERE,
    ) -> None:
        """Write a configuration below ``folder`` and start; it registers at once."""
        self.account = account
        self._place = place
        self._recording = folder / "heard.wav"
        home = folder / "home"
        (home / ".local/share/linphone").mkdir(parents=True)
        (home / ".config/linphone").mkdir(parents=True)
        configuration = folder / "linphonerc"
        configuration.write_text(self._configuration(folder, server, transport))
        source = tones.write_tone(folder / "tone.wav", tone, TONE_SECONDS)
        self.program = Program(
            f"linphonec {account.user}",
            place.command(["stdbuf", "-oL", "linphonec", "-d", "5", "-c", configuration]),
            folder=folder,
            environment={"HOME": str(home), "TERM": "dumb"},
        )
        self._seen = 0
        self.program.write_line("soundcard use files")
        self.program.write_line(f"play {source}")
        self.program.write_line(f"record {self._recording}")

    def _configuration(self, folder: Path, server: Endpoint, transport: str) -> str:
        (folder / "none.pem").write_text("")
        listeners = dict.fromkeys(TRANSPORTS, 0)
        listeners[transport] = free_port()
        keys = {"udp": "sip_port", "tcp": "sip_tcp_port", "tls": "sip_tls_port"}
        return _CONFIG.format(
            host=self._place.host,
            listener="\n".join(f"{keys[name]}={port}" for name, port in listeners.items()),
            user=self.account.user,
            password=self.account.password,
            domain=self.account.domain,
            authority=server.authority or folder / "none.pem",
            proxy=server.uri(transport),
            rtp=free_port() + 10_000,
        )

    def _wait(self, pattern: str, timeout: float = 10.0) -> re.Match[str]:
        found = self.program.wait_for(pattern, timeout=timeout, after=self._seen)
        lines = self.program.output.splitlines()
        while self._seen < len(lines) and not re.search(pattern, lines[self._seen]):
            self._seen += 1
        self._seen += 1
        return found

    def wait_registered(self) -> None:
        """Wait for the 200 to REGISTER."""
        self.program.wait_for(r"to \[LinphoneRegistrationOk\]", timeout=10.0)

    def wait_refused(self) -> None:
        """Wait until the password was refused: the challenge comes again, or a 403."""
        until(
            lambda: trace.password_refused(self.program.output),
            timeout=10.0,
            what=f"{self.program.name}: its password is refused",
        )

    def dial(self, uri: str) -> None:
        """Send an INVITE."""
        self.program.write_line(f"call {uri} --audio-only")

    def wait_ringing(self) -> None:
        """Wait for an INVITE from somebody."""
        self._wait(_state("IncomingReceived"))

    def wait_progress(self) -> None:
        """Wait for the 180 to our INVITE."""
        self._wait(_state("OutgoingRinging"))

    def answer(self) -> None:
        """Accept the call that rings."""
        self.program.write_line("answer")

    def reject(self) -> None:
        """Refuse the call that rings (linphonec sends 603)."""
        self.program.write_line("terminate")

    def hang_up(self) -> None:
        """End the call, or cancel the INVITE."""
        self.program.write_line("terminate")

    def wait_established(self) -> None:
        """Wait until the media streams run."""
        self._wait(_state("StreamsRunning"))

    def wait_ended(self) -> None:
        """Wait for the end of the call."""
        self._wait(_state("(End|Error)"), 15.0)

    def statuses(self, method: str) -> set[int]:
        """The statuses that came back for requests of this method so far."""
        return trace.statuses(self.program.output, method)

    def wait_status(self, method: str, status: int) -> None:
        """Wait until a response with ``status`` to a request of ``method`` shows in the trace."""
        what = f"{self.program.name}: {status} to {method}"
        until(lambda: status in self.statuses(method), timeout=8.0, what=what)

    def digest_algorithms(self) -> set[str]:
        """The algorithms of the challenges that came; MD5 where none was named."""
        return trace.digest_algorithms(self.program.output)

    def heard(self, frequency: float) -> float:
        """Seconds of ``frequency`` in all that was received so far."""
        return tones.seconds_of(self._recording, frequency)

    def stop(self) -> None:
        """End the program."""
        self.program.stop()


def _state(name: str) -> str:
    return rf"CallSession .* moving from state \S+ to LinphoneCall{name}"
