"""Kamailio as a peer: a registrar with digest accounts, or a plain relay in the middle of a path.

The registrar stands in for the exchange when a phone test is in doubt: what fails there too is a
fault of the harness. The relay adds hops between exchanges (spirals, loops). Accounts are in the
configuration itself, so no database is needed.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.interop.harness.certificates import Certificate
from tests.interop.harness.endpoint import DOMAIN, TRANSPORTS, Account, Endpoint
from tests.interop.harness.process import LOOPBACK, Program, free_port, until

_HEAD = """\
#!KAMAILIO
debug=1
log_stderror=yes
children=2
tcp_children=2
disable_tcp=no
auto_aliases=no
dns=off
rev_dns=off
dns_try_naptr=no
tcp_connection_lifetime=605
{listeners}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "nathelper.so"
modparam("tm", "fr_timer", 5000)
modparam("tm", "fr_inv_timer", 30000)
"""

_REGISTRAR = """\
loadmodule "sanity.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
modparam("auth", "nonce_expire", 600)
modparam("auth", "algorithm", "{algorithm}")
modparam("auth", "use_domain", 1)
modparam("usrloc", "db_mode", 0)
modparam("registrar", "max_expires", 3600)
modparam("registrar", "gruu_enabled", 0)
modparam("registrar", "received_avp", "$avp(received)")
modparam("nathelper", "received_avp", "$avp(received)")
alias="{domain}"
{modules}
route[PASSWORDS] {{
    $var(ha1) = "";
{passwords}
}}

onreply_route {{
    if ({aliases} && $proto != "udp") add_contact_alias();
}}

request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (!sanity_check("17895", "7")) {{ exit; }}
    force_rport();
    if (is_method("CANCEL")) {{
        if (t_check_trans()) t_relay();
        exit;
    }}
    if (!is_method("ACK")) t_check_trans();
    if (has_totag()) {{
        if (loose_route()) {{ handle_ruri_alias(); t_relay(); exit; }}
        if (is_method("ACK") && t_check_trans()) {{ t_relay(); exit; }}
        if (uri == myself && lookup("location")) {{ t_relay(); exit; }}
        sl_send_reply("481", "Call/Transaction Does Not Exist"); exit;
    }}
    if (is_method("OPTIONS") && (uri == myself)) {{ sl_send_reply("200", "OK"); exit; }}
    if ({authenticate} && is_method("REGISTER|INVITE|MESSAGE|SUBSCRIBE")) {{
        route(PASSWORDS);
        if (is_method("REGISTER")) {{
            if (!pv_www_authenticate("{domain}", "$var(ha1)", "{ha1_flag}")) {{
                www_challenge("{domain}", "1"); exit;
            }}
        }} else if (!pv_proxy_authenticate("{domain}", "$var(ha1)", "{ha1_flag}")) {{
            proxy_challenge("{domain}", "1"); exit;
        }}
        consume_credentials();
    }}
    if (is_method("REGISTER")) {{
        if ({aliases} && $proto != "udp") fix_nated_register();
        save("location"); exit;
    }}
    if (is_method("INVITE|SUBSCRIBE")) record_route();
    if ({aliases} && $proto != "udp") add_contact_alias();
    if (uri == myself) {{
        if ($rU == $null) {{ sl_send_reply("484", "Address Incomplete"); exit; }}
        if (!lookup("location")) {{ sl_send_reply("404", "Not Found"); exit; }}
        {found}
    }}
    if (!t_relay()) sl_reply_error();
}}
"""

# Path and outbound, as in examples/outbound of Kamailio
_FLOW_MODULES = """
loadmodule "tmx.so"
modparam("tm", "contacts_avp", "tm_contacts")
modparam("tm", "contact_flows_avp", "tm_contact_flows")
modparam("registrar", "use_path", 1)
modparam("registrar", "outbound_mode", 1)
modparam("usrloc", "desc_time_order", 1)

failure_route[ALL] {
    if (t_check_status("430")) t_reply("480", "Temporarily Unavailable");
}

event_route[tm:branch-failure:FLOW] {
    if (t_check_status("430")) {
        unregister("location", "$tu", "$T_reply_ruid");
        if (t_next_contact_flow()) {
            t_on_branch_failure("FLOW");
            t_relay();
        }
    }
}
"""
_FLOW_FOUND = """if (t_load_contacts()) t_next_contacts(); # which fails for one contact alone
        t_on_failure("ALL");
        t_on_branch_failure("FLOW");"""

_RELAY = """\
request_route {{
    if (!mf_process_maxfwd_header("20")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    force_rport();
    if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
    if (has_totag()) {{
        if (loose_route()) {{ t_relay(); exit; }}
        if (is_method("ACK")) {{ if (t_check_trans()) t_relay(); exit; }}
        sl_send_reply("481", "Call/Transaction Does Not Exist"); exit;
    }}
    if (is_method("INVITE")) record_route();
    {rewrite}
    $du = "{target}";
    if (!t_relay()) sl_reply_error();
}}
"""

# an edge proxy: Path with the source of the phone (RFC 3327), and the way back by it
_EDGE = """\
loadmodule "path.so"
modparam("path", "use_received", 1)
request_route {{
    if (!mf_process_maxfwd_header("20")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    force_rport();
    if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
    if (is_method("REGISTER")) {{
        add_path_received();
        $du = "{target}";
        if (!t_relay()) sl_reply_error();
        exit;
    }}
    if (loose_route() || $du != $null) {{ # a Path alone is no route set to loose_route
        if (!has_totag() && is_method("INVITE")) record_route();
        t_relay();
        exit;
    }}
    if (is_method("ACK")) {{ if (t_check_trans()) t_relay(); exit; }}
    if (has_totag()) {{ sl_send_reply("481", "Call/Transaction Does Not Exist"); exit; }}
    if (is_method("INVITE")) record_route();
    $du = "{target}";
    if (!t_relay()) sl_reply_error();
}}
"""


@dataclass(frozen=True, slots=True)
class Kamailio:
    """A running Kamailio."""

    program: Program
    endpoint: Endpoint

    def stop(self) -> None:
        """End it."""
        self.program.stop()


def start_registrar(
    folder: Path,
    accounts: Sequence[Account],
    *,
    certificate: Certificate | None = None,
    algorithm: str = "MD5",
    authenticate: bool = True,
    flows: bool = False,
) -> Kamailio:
    """A registrar and proxy for ``accounts`` on UDP, TCP and, with a certificate, TLS.

    With ``flows`` phones stand behind edges, and may have several (RFC 3327, RFC 5626).
    With SHA-256 the passwords are given in clear, because the stored H(A1) is MD5.
    """
    stored = [
        (account.user, account.ha1 if algorithm == "MD5" else account.password)
        for account in accounts
    ]
    passwords = "\n".join(
        f'    if ($au == "{user}" || $fU == "{user}") $var(ha1) = "{secret}";'
        for user, secret in stored
    )
    body = _REGISTRAR.format(
        domain=DOMAIN,
        passwords=passwords,
        algorithm="" if algorithm == "MD5" else algorithm,
        ha1_flag=1 if algorithm == "MD5" else 0,
        authenticate="1" if authenticate else "0",
        modules=_FLOW_MODULES if flows else "",
        aliases="0" if flows else "1",
        found=_FLOW_FOUND if flows else "",
    )
    return _start(folder, body, certificate=certificate)


def start_relay(
    folder: Path, target: str, *, rewrite: str = "", shared_memory: int = 64
) -> Kamailio:
    """A relay that sends every request outside a dialog to the URI ``target``.

    ``rewrite`` is Kamailio script that runs first, for example ``$rU = "bob";``.
    """
    return _start(folder, _RELAY.format(target=target, rewrite=rewrite), memory=shared_memory)


def start_edge(folder: Path, target: str) -> Kamailio:
    """An edge proxy in front of the registrar at the URI ``target``."""
    return _start(folder, _EDGE.format(target=target))


def start_trunk(folder: Path, body: str, *, certificate: Certificate, tls_port: int) -> Kamailio:
    """A peer that insists on client certificates, shows its own, and lets connections be used in
    both directions; ``body`` is its routing."""
    options = f"""\
tcp_accept_aliases=yes
modparam("tls", "ca_list", "{certificate.authority}")
modparam("tls", "verify_certificate", 1)
modparam("tls", "require_certificate", 1)
loadmodule "xlog.so"
"""
    return _start(folder, options + body, certificate=certificate, tls_port=tls_port)


def _start(
    folder: Path,
    body: str,
    *,
    certificate: Certificate | None = None,
    memory: int = 64,
    tls_port: int = 0,
) -> Kamailio:
    folder.mkdir(parents=True, exist_ok=True)
    used = [name for name in TRANSPORTS if name != "tls" or certificate is not None]
    ports = {name: free_port() for name in used}
    if tls_port:
        ports["tls"] = tls_port
    lines = [f"listen={name}:{LOOPBACK}:{port}" for name, port in ports.items()]
    text = _HEAD.format(listeners="\n".join(lines))
    if certificate is not None:
        lines.append("enable_tls=yes")
        text = _HEAD.format(listeners="\n".join(lines))
        text += 'loadmodule "tls.so"\n'
        text += f'modparam("tls", "certificate", "{certificate.certificate}")\n'
        text += f'modparam("tls", "private_key", "{certificate.key}")\n'
        text += 'modparam("tls", "tls_method", "TLSv1.2+")\n'
    configuration = folder / "kamailio.cfg"
    configuration.write_text(text + body)
    command: list[str | Path] = ["kamailio", "-f", configuration, "-DD", "-E", "-m", str(memory)]
    command += ["-Y", folder, "-w", folder]
    program = Program("kamailio", command, folder=folder)
    kamailio = Kamailio(
        program, Endpoint(ports, authority=certificate.authority if certificate else None)
    )
    try:
        _await_answer(kamailio)
    except AssertionError:
        program.stop()
        raise
    return kamailio


def _await_answer(kamailio: Kamailio) -> None:
    """Kamailio prints no ready line: ask its TCP listener until it accepts."""

    def accepts() -> bool:
        if not kamailio.program.running:
            raise kamailio.program.failure("did not start")
        with socket.socket() as probe:
            probe.settimeout(0.2)
            return probe.connect_ex(kamailio.endpoint.address("tcp")) == 0

    until(accepts, timeout=8.0, what="Kamailio accepts connections")
