"""Kamailio 5.6 as the peer: one worker, its fast allocator, the same work as ours, a generated
configuration.

The registrar keeps its bindings in memory. The digest variant takes one fixed password and checks
realm, expiry and nonce count. Calls go through `tm` with Record-Route and a location look-up.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from benchmarks.processes import BenchmarkError, start_pinned, stop, wait_until
from benchmarks.servers import DOMAIN, PASSWORD, Access, Place

__all__ = ["Kamailio"]

RECEIVE_BUFFER = 4194304  # bytes; ours gets the same
START_SECONDS = 15.0

CONFIGURATION = """\
#!KAMAILIO
debug=0
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
alias="{domain}"
listen=udp:127.0.0.1:{port}
listen=tcp:127.0.0.1:{port}
tcp_max_connections=1024
tcp_accept_no_cl=no
user_agent_header="User-Agent: bench"
server_header="Server: bench"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "maxfwd.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
loadmodule "kex.so"
loadmodule "ctl.so"
modparam("usrloc", "db_mode", 0)
modparam("usrloc", "hash_size", 14)
modparam("registrar", "max_contacts", 5)
modparam("rr", "enable_full_lr", 0)
modparam("auth", "nonce_expire", 300)
modparam("auth", "nonce_count", 1)
modparam("auth", "qop", "auth")
modparam("auth", "nid_pool_no", 1)
modparam("ctl", "binrpc", "unix:{folder}/ctl.sock")

request_route {{
    if (!mf_process_maxfwd_header("10")) {{
        sl_send_reply("483", "Too Many Hops");
        exit;
    }}
    if (is_method("CANCEL")) {{
        if (t_check_trans()) t_relay();
        exit;
    }}
    if (has_totag()) {{
        if (loose_route()) {{
            t_relay();
        }} else if (!is_method("ACK")) {{
            sl_send_reply("481", "Call/Transaction Does Not Exist");
        }}
        exit;
    }}
    if (is_method("REGISTER")) {{
{challenge}        save("location");
        exit;
    }}
    if (is_method("OPTIONS") && $rU == $null) {{
        sl_send_reply("200", "OK");
        exit;
    }}
    t_check_trans();
    record_route();
    if (!lookup("location")) {{
        sl_send_reply("404", "Not Found");
        exit;
    }}
    t_relay();
}}
"""

CHALLENGE = """\
        if (!pv_www_authenticate("{domain}", "{password}", "0")) {{
            www_challenge("{domain}", "1");
            exit;
        }}
        consume_credentials();
"""


class Kamailio:
    """A running Kamailio."""

    def __init__(self, place: Place, access: Access, *, name: str = "kamailio") -> None:
        """Starts it and returns when it answers. Raises BenchmarkError with the end of its log if
        it does not start.
        """
        self.name = name
        self.place = place
        place.folder.mkdir(parents=True, exist_ok=True)
        configuration = place.folder / "kamailio.cfg"
        configuration.write_text(_configuration(place, access))
        self._log_path = place.folder / "kamailio.log"
        with self._log_path.open("wb") as log:
            self._process = start_pinned(
                _command(configuration, place.folder), place.core, output=log
            )
        self.pid = self._process.pid
        try:
            wait_until(self._is_up, START_SECONDS, "kamailio to start")
        except BenchmarkError as error:
            self.stop()
            raise BenchmarkError(f"{error}\n{self._log_path.read_text()[-2000:]}") from error

    def _is_up(self) -> bool:
        if self._process.poll() is not None:
            raise BenchmarkError("kamailio ended at start")
        return (self.place.folder / "ctl.sock").exists() and self._ask("core.version") is not None

    def _ask(self, *command: str) -> str | None:
        socket = self.place.folder / "ctl.sock"
        answer = subprocess.run(
            ["kamcmd", "-s", f"unix:{socket}", *command],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
        return answer.stdout if answer.returncode == 0 else None

    def received(self) -> int | None:
        """Requests and responses received, from its core statistics."""
        answer = self._ask("stats.get_statistics", "core:")
        if answer is None:
            return None
        return _value(answer, "rcv_requests") + _value(answer, "rcv_replies")

    def transactions(self) -> int | None:
        """Transactions in memory, from `tm.stats`."""
        answer = self._ask("tm.stats")
        return None if answer is None else _value(answer, "current")

    def stop(self) -> None:
        """End all its processes."""
        stop(self._process)


def _configuration(place: Place, access: Access) -> str:
    challenge = ""
    if access is Access.DIGEST:
        challenge = CHALLENGE.format(domain=DOMAIN, password=PASSWORD)
    return CONFIGURATION.format(
        domain=DOMAIN, port=place.port, folder=place.folder, challenge=challenge
    )


def _command(configuration: Path, folder: Path) -> list[str]:
    program = shutil.which("kamailio", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if program is None:
        raise BenchmarkError("kamailio is not installed (Debian package kamailio)")
    memory = ["-m", "1024", "-M", "32", "-x", "fm", "-X", "fm", "-b", str(RECEIVE_BUFFER)]
    return [program, "-f", str(configuration), "-Y", str(folder), "-DD", "-E", *memory]


def _value(answer: str, name: str) -> int:
    """A number out of lines such as `core:rcv_requests = 12` or `current: 3`."""
    for line in answer.splitlines():
        key, _, value = line.replace("=", ":").rpartition(":")
        if key.strip().rpartition(":")[2].strip() == name:
            return int(value)
    raise BenchmarkError(f"kamailio's statistics name no {name}")
