"""baresip 1.0 as a phone, driven over its control socket (ctrl_tcp: JSON in netstrings).

Sends a tone from a file, records what it hears with its sndfile filter. The mwi module stays out:
with it baresip 1.0 loops on SUBSCRIBE.
"""

from __future__ import annotations

import json
import queue
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.interop.harness import tones, trace
from tests.interop.harness.endpoint import Account, Endpoint
from tests.interop.harness.namespaces import HERE, Place
from tests.interop.harness.process import Program, ProgramError, free_port, until

MODULES = Path("/usr/lib/baresip/modules")
TONE_SECONDS = 40.0

_CONFIG = """\
poll_method epoll
sip_listen {host}:{sip_port}
{authority}
sip_trans_def {transport}
net_interface {host}
call_local_timeout 30
call_max_calls 4
statmode_default off
audio_path {folder}
audio_player aubridge,{user}
audio_source aufile,{tone}
audio_alert aubridge,{user}-alert
audio_buffer 60
rtp_ports {rtp_first}-{rtp_last}
jitter_buffer_delay 3-8
module_path {modules}
module g711.so
module sndfile.so
module aufile.so
module aubridge.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {host}:{control_port}
snd_path {recordings}
"""

Event = dict[str, str]


@dataclass(frozen=True, slots=True)
class _Sockets:
    sip: int
    control: int


class Baresip:
    """A running baresip with one account."""

    kind = "baresip"

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
        self.recordings = folder / "heard"
        self.recordings.mkdir(parents=True)
        self._sockets = _Sockets(free_port(), free_port())
        self._events: list[Event] = []
        self._changed = threading.Condition()
        self._answers: queue.Queue[Event] = queue.Queue()
        self._write_configuration(folder, server, transport, tone)
        self.program = Program(
            f"baresip {account.user}",
            place.command(["baresip", "-4", "-s", "-f", folder]),
            folder=folder,
        )
        try:
            self._control = self._connect()
        except AssertionError:
            self.program.stop()
            raise
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _write_configuration(
        self, folder: Path, server: Endpoint, transport: str, tone: float
    ) -> None:
        rtp = free_port() + 10_000
        authority = f"sip_cafile {server.authority}" if server.authority else ""
        source = tones.write_tone(folder / "tone.wav", tone, TONE_SECONDS)
        text = _CONFIG.format(
            host=self._place.host,
            sip_port=self._sockets.sip,
            control_port=self._sockets.control,
            authority=authority,
            transport=transport,
            folder=folder,
            user=self.account.user,
            tone=source,
            rtp_first=rtp,
            rtp_last=rtp + 20,
            modules=MODULES,
            recordings=self.recordings,
        )
        (folder / "config").write_text(text)
        (folder / "contacts").write_text("")
        (folder / "accounts").write_text(
            f"<{self.account.uri};transport={transport}>;auth_user={self.account.user}"
            f";auth_pass={self.account.password};regint=600;audio_codecs=pcmu"
            f';outbound="{server.uri(transport)}";answermode=manual\n'
        )

    def _connect(self) -> socket.socket:
        opened: list[socket.socket] = []

        def connected() -> bool:
            if not self.program.running:
                raise self.program.failure("did not start")
            try:
                address = (self._place.host, self._sockets.control)
                with self._place.entered():
                    opened.append(socket.create_connection(address, timeout=1.0))
            except OSError:
                return False
            return True

        until(connected, timeout=8.0, what="baresip's control socket")
        opened[0].settimeout(None)
        return opened[0]

    def _read(self) -> None:
        buffer = b""
        while True:
            try:
                data = self._control.recv(65536)
            except OSError:
                return
            if not data:
                return
            buffer += data
            while b":" in buffer:
                size, _, rest = buffer.partition(b":")
                if len(rest) <= int(size):
                    break
                self._take(json.loads(rest[: int(size)]))
                buffer = rest[int(size) + 1 :]

    def _take(self, entry: Event) -> None:
        if "response" in entry:
            self._answers.put(entry)
            return
        with self._changed:
            self._events.append(entry)
            self._changed.notify_all()

    def command(self, name: str, parameters: str = "") -> str:
        """Run one baresip command; what it printed."""
        text = json.dumps({"command": name, "params": parameters})
        self._control.sendall(f"{len(text)}:{text},".encode())
        try:
            answer = self._answers.get(timeout=5.0)
        except queue.Empty as error:
            raise self.program.failure(f"no answer to {name}") from error
        return str(answer.get("data", ""))

    def wait_event(self, kind: str, *, timeout: float = 10.0) -> Event:
        """Take the first event of this type that no earlier wait took."""
        return self._wait(lambda event: event.get("type") == kind, kind, timeout)

    def _wait(self, wanted: Callable[[Event], bool], what: str, timeout: float) -> Event:
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                for index, event in enumerate(self._events):
                    if wanted(event):
                        del self._events[: index + 1]
                        return event
                left = deadline - time.monotonic()
                if left <= 0:
                    raise self._no_event(what, timeout)
                self._changed.wait(left)

    def _no_event(self, what: str, timeout: float) -> ProgramError:
        seen = [event.get("type") for event in self._events]
        return self.program.failure(f"no event {what} within {timeout:g} s, but {seen}")

    # The verbs that every phone of this harness has.

    def wait_registered(self) -> None:
        """Wait for the 200 to REGISTER; it may be older than the control socket, so in the log."""
        self.program.wait_for(r"\{0/(UDP|TCP|TLS)/v4\} 200 ", timeout=10.0)

    def wait_refused(self) -> None:
        """Wait until the password was refused: the challenge comes again, or a 403."""
        until(
            lambda: trace.password_refused(self.program.output),
            timeout=10.0,
            what=f"{self.program.name}: its password is refused",
        )

    def dial(self, uri: str) -> None:
        """Send an INVITE."""
        self.command("dial", uri)

    def wait_ringing(self) -> None:
        """Wait for an INVITE from somebody."""
        self.wait_event("CALL_INCOMING")

    def wait_progress(self) -> None:
        """Wait for the 180 to our INVITE."""
        self.wait_event("CALL_RINGING")

    def answer(self) -> None:
        """Accept the call that rings."""
        self.command("accept")

    def reject(self) -> None:
        """Refuse the call that rings (baresip sends 486)."""
        self.command("hangup")

    def hang_up(self) -> None:
        """End the call, or cancel the INVITE."""
        self.command("hangup")

    def wait_established(self) -> None:
        """Wait until the call is up: the caller has the 200, the callee the ACK."""
        self.wait_event("CALL_ESTABLISHED")

    def wait_ended(self) -> None:
        """Wait for the end of the call."""
        self.wait_event("CALL_CLOSED", timeout=15.0)

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
        files = self.recordings.glob("*-dec.wav")
        return sum(tones.seconds_of(path, frequency) for path in files)

    def stop(self) -> None:
        """End the program."""
        self.program.stop()
        self._control.close()
        self._reader.join(2.0)
