"""What lies between a registered contact and us, as its binding shows: for people to read.

The kind of a NAT (RFC 4787) cannot be told from one address of ours; what can be told is whether
the Contact leads back to the source of the REGISTER, and if not, in what they differ.
"""

from __future__ import annotations

from offhook.registrar.binding import Binding
from offhook.transport.next_hop import is_literal
from offhook.transport.private import is_private
from offhook.transport.route_set import split_route_uri
from offhook.transport.via import same_host

__all__ = ["nat_of"]


def nat_of(binding: Binding) -> str:
    """What the Contact of a binding is to the source of its REGISTER.

    "none": the source itself. "private contact": nobody but its own network can reach it.
    "address", "port": a public one that differs in that; of connections ports are not compared,
    since what connects has another port than what listens. "path": an edge proxy is in between.
    "flow": a Contact that names no place (RFC 7118). "name": a host name says nothing. "unknown":
    no SIP URI, or no source.
    """
    if binding.path:
        return "path"
    contact = split_route_uri(binding.contact)
    parts = binding.flow.split("/")
    source, _, port = (parts[2] if len(parts) > 2 else "").rpartition(":")
    source = source.strip("[]")
    if contact is None or not source:
        return "unknown"
    if contact.host.endswith(".invalid"):
        return "flow"
    if not is_literal(contact.host):
        return "name"
    if not same_host(contact.host, source):
        private = is_private(contact.host) and not is_private(source)
        return "private contact" if private else "address"
    if parts[0] == "udp" and str(contact.port) != port:
        return "port"
    return "none"
