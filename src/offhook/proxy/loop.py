"""Loops told from spirals (RFC 5393 4.2): a hash over all that routing depends on, carried in the
branch of our Via."""

from __future__ import annotations

from binascii import crc32
from collections.abc import Iterable

from offhook.message.grammar import split_commas
from offhook.message.interface import Core
from offhook.message.message import Message

__all__ = ["LOOP_HASH_SIZE", "loop_hash", "looped"]

LOOP_HASH_SIZE = 8  # hexadecimal digits at the end of the branch


def loop_hash(message: Message, core: Core) -> str:
    """The hash of the request as received: Request-URI, From tag, Call-ID, CSeq number and the
    whole Route (RFC 5393 4.2.2): a request that spirals inside its dialog meets our Route again,
    with fewer values behind it.

    The To tag never changes on the way of one request, and the ACK of a refusal, which has one more
    than its INVITE, must get the same branch (RFC 5393 4.2.1).
    """
    route = ",".join(message.get_all("route")) if core.route else ""
    text = f"{message.uri}\0{core.from_tag}\0{core.call_id}\0{core.cseq}\0{route}"
    return f"{crc32(text.encode('utf-8', 'surrogateescape')):08x}"


def looped(vias: Iterable[str], own: Iterable[str], digest: str) -> bool:
    """True if a Via value of ours among `vias` carries the same hash: the request has come back
    unchanged.

    `own` are beginnings of Via values that we write, with their host and port.
    """
    marks = tuple(own)
    for via in vias:
        for value in split_commas(via) if "," in via else (via,):
            if value.startswith(marks):
                branch = value.partition(";branch=")[2].partition(";")[0]
                if branch.endswith(digest):
                    return True
    return False
