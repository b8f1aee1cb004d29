"""From what dnspython read to `transport.records`: names in lower case without their final dot, and
no more records of one answer than anybody tries."""

from __future__ import annotations

from collections.abc import Iterable

import dns.name
import dns.rdata
import dns.rdatatype
from dns.rdtypes.IN.NAPTR import NAPTR
from dns.rdtypes.IN.SRV import SRV

from offhook.transport.records import Answer, Kind, Naptr, Srv

__all__ = ["ASKED", "MOST_RECORDS", "answer_of"]

MOST_RECORDS = 256  # of one answer; real ones have hundreds at the very most

ASKED = {  # record types to ask for, by what is wanted
    Kind.ADDRESSES: (dns.rdatatype.A, dns.rdatatype.AAAA),
    Kind.SRV: (dns.rdatatype.SRV,),
    Kind.NAPTR: (dns.rdatatype.NAPTR,),
}


def answer_of(kind: Kind, records: Iterable[dns.rdata.Rdata]) -> Answer:
    """The records of one kind; others are left out."""
    some = [record for record, _ in zip(records, range(MOST_RECORDS), strict=False)]
    if kind is Kind.ADDRESSES:
        return Answer(addresses=tuple([record.to_text() for record in some]))
    if kind is Kind.SRV:
        return Answer(srv=tuple([_srv(record) for record in some if isinstance(record, SRV)]))
    return Answer(naptr=tuple([_naptr(record) for record in some if isinstance(record, NAPTR)]))


def _srv(record: SRV) -> Srv:
    return Srv(record.priority, record.weight, record.port, _name(record.target))


def _naptr(record: NAPTR) -> Naptr:
    flags, service, regexp = (
        part.decode("ascii", "replace") for part in (record.flags, record.service, record.regexp)
    )
    return Naptr(
        record.order,
        record.preference,
        flags,
        service,
        _name(record.replacement),
        regexp,
    )


def _name(name: dns.name.Name) -> str:
    return "" if name == dns.name.root else name.to_text(omit_final_dot=True).lower()
