"""The rules of one hop: Via, flows, route sets, next hops (RFC 3261 16.4, 18; 3263; 3581)."""

from offhook.transport.flow import RELIABLE, Address, Flow, Listener

__all__ = ["RELIABLE", "Address", "Flow", "Listener"]
