"""Torture messages, each written anew from the rule that it breaks or stretches (RFC 4475, RFC
5118)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from offhook.message import Role

__all__ = ["CASES", "Case", "build"]

CORE = {
    "Via": "SIP/2.0/UDP gate.example.org:5066;branch=z9hG4bK-torture.1",
    "Max-Forwards": "42",
    "From": "<sip:eve@example.org>;tag=f-17",
    "To": "<sip:adam@example.net>",
    "Call-ID": "torture-4475@gate.example.org",
    "CSeq": "31 OPTIONS",
}
ALL = frozenset(Role)
ENDS = ALL - {Role.PROXY}
NOBODY: frozenset[Role] = frozenset()


def build(
    start: str = "OPTIONS sip:adam@example.net SIP/2.0",
    *,
    more: Iterable[str] = (),
    body: bytes = b"",
    length: str | None = "",
    core: dict[str, str | None] | None = None,
) -> bytes:
    """A message of the core headers with changes, further raw lines, and a Content-Length ("" for
    the right one, None for none)."""
    named: dict[str, str | None] = {**CORE, **(core or {})}
    lines = [
        start,
        *[f"{name}: {value}" for name, value in named.items() if value is not None],
        *more,
    ]
    if length is not None:
        lines.append(f"Content-Length: {length or len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape") + body


@dataclass(frozen=True, slots=True)
class Case:
    """One message: who refuses it, with which statuses. `parsed` is False if there is nothing to
    answer at all."""

    name: str
    rfc: str
    section: str
    data: bytes
    refused_by: frozenset[Role] = NOBODY
    statuses: frozenset[int] = field(default=frozenset({400}))
    parsed: bool = True


def invite(uri: str = "sip:adam@example.net", **parts: str | None) -> bytes:
    core: dict[str, str | None] = {"CSeq": "31 INVITE", "Contact": "<sip:eve@gate.example.org>"}
    core.update({name.replace("_", "-"): value for name, value in parts.items()})
    return build(f"INVITE {uri} SIP/2.0", core=core)


def register(*contacts: str, **parts: str | None) -> bytes:
    core: dict[str, str | None] = {"CSeq": "31 REGISTER", **parts}
    return build("REGISTER sip:example.net SIP/2.0", core=core, more=contacts)


def answer(start: str, **parts: str | None) -> bytes:
    return build(start, core={"To": "<sip:adam@example.net>;tag=t-9", **parts})


STRETCHED = (
    b"INVITE sip:adam@example.net;novel SIP/2.0\r\n"
    b'f :"Eve \\\\ \\"E\\""<sip:eve@example.org>\r\n ; tag\r\n\t=\r\n f-17\r\n'
    b"tO\t:\r\n sip:adam@example.net;tag =  t1\r\n"
    b"V  :  SIP  / 2.0/  UDP  192.0.2.77 ; branch = old-style\r\n"
    b"mAX-foRWARDS : 0042\r\n"
    b"i: torture\r\n"
    b"cseq:0031\r\n  INVITE\r\n"
    b'M: "" <sip:eve@gate.example.org> ; q =\r\n  0.5 ; odd\r\n'
    b"Novel-Header:;;,,\t ;=\r\n continued\r\n"
    b"s :\r\n"
    b"v: SIP/2.0/TCP gate.example.org ;\r\n branch=z9hG4bK2 , SIP / 2.0 /UDP 192.0.2.78\r\n"
    b"ROUTE: <sip:edge.example.org;lr;x=y;z>\r\n"
    b"L :  3\r\n\r\nv=0"
)

VALID = [
    Case("stretched spelling of everything", "4475", "3.1.1.1", STRETCHED),
    Case(
        "every character that a token and a user may have",
        "4475",
        "3.1.1.2",
        build(
            "!odd.Method-0*_+`%'~ sip:u~(x-y!z)&it's+$/?,/;:p&=+$,w!~*@example.net SIP/2.0",
            core={
                "CSeq": "31 !odd.Method-0*_+`%'~",
                "To": '"DEL:\\\x7f NUL:\\\0" <sip:x;y/z?*@example.net>',
                "From": "w1~` w2'+_ w*%!.- <sip:e@example.org>;p''~+*_!.-%=\"ąćę\";tag=~'1`+*%!-.",
                "Call-ID": "w%Z-!.*_+'@w`~)(><:\\/\"][?}{",
                "Via": "SIP/2.0/TCP gate.example.org;branch=z9hG4bK-.!%7*_+`'~",
                "Max-Forwards": "255",
            },
            more=["novel-!.%*+_`'~:\ufeff日本"],
        ),
    ),
    Case(
        "escapes in user, parameters and names",
        "4475",
        "3.1.1.3",
        invite("sip:tel%3A%2B1%40x@example.net", Contact="<sip:%65ve@example.org;%78=%25%34%31>"),
    ),
    Case(
        "escaped NUL in users",
        "4475",
        "3.1.1.4",
        register("Contact: <sip:%00@a.example>", "Contact: <sip:%00%00@a.example>"),
    ),
    Case(
        "percent signs that are no escapes",
        "4475",
        "3.1.1.5",
        build(
            "OPT%49ONS sip:adam@example.net SIP/2.0",
            core={"CSeq": "31 OPT%49ONS"},
            more=["T%6f: x"],
        ),
    ),
    Case(
        "no space before the bracket",
        "4475",
        "3.1.1.6",
        build(core={"From": "Eve<sip:eve@example.org>;tag=1"}),
    ),
    Case(
        "long values",
        "4475",
        "3.1.1.7",
        build(
            core={
                "To": f'"{"long " * 60}" <sip:{"u" * 300}@example.net;{"p" * 200}={"v" * 200}>',
                "From": f"<sip:eve@example.org>;{'n' * 300}={'v' * 300};tag={'t' * 300}",
                "Call-ID": "c" * 500,
            },
            more=[f"Via: SIP/2.0/TCP h{hop}.example.org" for hop in range(60)],
        ),
    ),
    Case(
        "a second message in the datagram",
        "4475",
        "3.1.1.8",
        register("Contact: <sip:a@b>") + b"\r\n" + invite(),
    ),
    Case(
        "semicolon in the user",
        "4475",
        "3.1.1.9",
        build("OPTIONS sip:adam;x=y%40z@example.net SIP/2.0"),
    ),
    Case(
        "transports nobody knows",
        "4475",
        "3.1.1.10",
        build(more=[f"Via: SIP/2.0/{name} a.example" for name in ("SCTP", "TLS", "PIGEON")]),
    ),
    Case("reason with other scripts", "4475", "3.1.1.12", answer("SIP/2.0 200 = 2**3 привет")),
    Case("no reason", "4475", "3.1.1.13", answer("SIP/2.0 100 ")),
    Case(
        "date in another zone",
        "4475",
        "3.1.2.12",
        build(more=["Date: Fri, 01 Jan 2027 16:00:00 EST"]),
    ),
    Case(
        "nothing after the cookie",
        "4475",
        "3.2.1",
        build(core={"Via": "SIP/2.0/UDP a;branch=z9hG4bK"}),
    ),
    Case(
        "option tags are not ours to refuse",
        "4475",
        "3.3.5",
        build(more=["Require: a", "Proxy-Require: b"]),
    ),
    Case(
        "unknown body type",
        "4475",
        "3.3.6",
        build(more=["Content-Type: application/odd"], body=b"<x/>"),
    ),
    Case("unknown credentials", "4475", "3.3.7", register("Authorization: Odd key=value")),
    Case("no hops left", "4475", "3.3.11", build(core={"Max-Forwards": "0"})),
    Case("contact parameter", "4475", "3.3.12", register("Contact: sip:+1@gw.example.org;odd")),
    Case("URI parameter", "4475", "3.3.13", register("Contact: <sip:+1@gw.example.org;odd>")),
    Case(
        "URI with an escaped header", "4475", "3.3.14", register("M: <sip:a@b?Route=%3Csip:c%3E>")
    ),
    Case("only types that we lack", "4475", "3.3.15", build(more=["Accept: text/odd"])),
    Case(
        "as RFC 2543 wrote",
        "4475",
        "3.4.1",
        build(
            "INVITE sip:adam@example.net SIP/2.0",
            core={
                "Via": "SIP/2.0/UDP old.example.org",
                "Max-Forwards": None,
                "From": "<sip:eve@old.example.org;user=phone>",
                "To": "sip:+1650@example.net;user=phone",
                "CSeq": "31 INVITE",
            },
            more=["Record-Route: <sip:adam@example.net;maddr=edge.example.org>"],
            length=None,
            body=b"v=0\r\n",
        ),
    ),
]

INVALID = [
    Case(
        "empty parameters and values",
        "4475",
        "3.1.2.1",
        invite(Via="SIP/2.0/UDP 192.0.2.15;;,;,,", Contact='"E" <sip:eve@example.org>;;;'),
        ALL,
    ),
    Case("length beyond the datagram", "4475", "3.1.2.2", build(length="9999", body=b"v=0"), ALL),
    Case("negative length", "4475", "3.1.2.3", build(length="-999", body=b"v=0"), ALL),
    Case(
        "huge scalars in a request",
        "4475",
        "3.1.2.4",
        build(core={"CSeq": f"{2**65} OPTIONS"}),
        ALL,
    ),
    Case(
        "huge scalars in a response",
        "4475",
        "3.1.2.5",
        answer("SIP/2.0 503 Service Unavailable", CSeq=f"{2**73} OPTIONS"),
        ALL,
    ),
    Case("open quote", "4475", "3.1.2.6", build(core={"To": '"Adam <sip:adam@example.net>'}), ALL),
    Case(
        "brackets around the Request-URI", "4475", "3.1.2.7", invite("<sip:adam@example.net>"), ALL
    ),
    Case(
        "space inside the Request-URI", "4475", "3.1.2.8", invite("sip:adam@example.net; lr"), ALL
    ),
    Case(
        "two spaces in the request line", "4475", "3.1.2.9", invite(" sip:adam@example.net "), ALL
    ),
    Case(
        "space after the version",
        "4475",
        "3.1.2.10",
        build("OPTIONS sip:adam@example.net SIP/2.0  "),
        ALL,
    ),
    Case(
        "headers in the Request-URI",
        "4475",
        "3.1.2.11",
        invite("sip:adam@example.net?Route=%3Csip:x.example%3E"),
        ALL,
    ),
    Case(
        "bare contact with headers",
        "4475",
        "3.1.2.13",
        register("Contact: sip:eve@example.org?Route=%3Csip:x.example%3E"),
        ENDS,
    ),
    Case(
        "spaces in the brackets",
        "4475",
        "3.1.2.14",
        build(core={"To": "A < sip:adam@example.net >"}),
        ALL,
    ),
    Case(
        "comma in a display name without quotes",
        "4475",
        "3.1.2.15",
        build(core={"From": "Moon, Eve <sip:eve@example.org>;tag=1"}),
        ALL,
    ),
    Case(
        "another version",
        "4475",
        "3.1.2.16",
        build("OPTIONS sip:adam@example.net SIP/7.0", core={"Via": "SIP/7.0/UDP a"}),
        ALL,
        frozenset({505}),
    ),
    Case("CSeq of another method", "4475", "3.1.2.17", build(core={"CSeq": "31 INVITE"}), ALL),
    Case(
        "CSeq of another method, unknown method",
        "4475",
        "3.1.2.18",
        build("NOVEL sip:adam@example.net SIP/2.0"),
        ALL,
        frozenset({400, 501}),
    ),
    Case(
        "status of ten digits", "4475", "3.1.2.19", answer("SIP/2.0 4294967301 odd"), parsed=False
    ),
    Case(
        "core headers missing",
        "4475",
        "3.3.1",
        build(core={"Call-ID": None, "From": None, "To": None}),
        ALL,
    ),
    Case(
        "unknown scheme", "4475", "3.3.2", build("OPTIONS odd:thing SIP/2.0"), ALL, frozenset({416})
    ),
    Case(
        "known scheme of another protocol",
        "4475",
        "3.3.3",
        build("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0"),
        ALL,
        frozenset({416}),
    ),
    Case(
        "unknown schemes elsewhere",
        "4475",
        "3.3.4",
        register(
            "Contact: <name:Eve>", To="isbn:2983792873", From="<http://www.example.com>;tag=1"
        ),
        frozenset({Role.REGISTRAR}),
    ),
    Case(
        "single headers several times",
        "4475",
        "3.3.8",
        build(
            more=["CSeq: 59 OPTIONS", "i: other", "t: <sip:other@example.net>", "Max-Forwards: 5"]
        ),
        ALL,
    ),
    Case("two lengths", "4475", "3.3.9", build(more=["l: 1"], body=b"odd"), ALL),
    Case(
        "a response for somebody else",
        "4475",
        "3.3.10",
        build(
            "SIP/2.0 200 OK",
            core={"CSeq": "31 INVITE"},
            more=["Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK2"],
        ),
        ENDS,
    ),
]

IPV6 = [
    Case(
        "references everywhere",
        "5118",
        "4.1",
        build(
            "OPTIONS sip:[2001:db8::7] SIP/2.0",
            core={"Via": "SIP/2.0/UDP [2001:db8::9:1]", "Contact": "<sip:e@[2001:db8::1]>"},
        ),
    ),
    Case("no brackets", "5118", "4.2", build("OPTIONS sip:2001:db8::7 SIP/2.0"), ALL),
    Case(
        "port inside the brackets", "5118", "4.3", build("OPTIONS sip:[2001:db8::7:5070] SIP/2.0")
    ),
    Case("port after the brackets", "5118", "4.4", build("OPTIONS sip:[2001:db8::7]:5070 SIP/2.0")),
    Case(
        "received in brackets",
        "5118",
        "4.5",
        build(
            core={"Via": "SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bK1"}
        ),
    ),
    Case(
        "received without",
        "5118",
        "4.5",
        build(core={"Via": "SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bK1"}),
    ),
    Case(
        "both families",
        "5118",
        "4.7",
        build(
            core={"Via": "SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bK1"},
            more=[
                "Via: SIP/2.0/UDP 192.0.2.1",
                "Via: SIP/2.0/TCP [2001:db8::5];received=192.0.2.200",
            ],
        ),
    ),
    Case(
        "mapped addresses",
        "5118",
        "4.9",
        build(
            core={
                "Via": "SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bK1",
                "Contact": '"E" <sip:e@[::ffff:192.0.2.2]>',
            },
        ),
    ),
    Case(
        "one colon too many",
        "5118",
        "4.10",
        build(
            "OPTIONS sip:adam@[2001:db8:::192.0.2.1] SIP/2.0",
            core={"To": "sip:adam@[2001:db8:::192.0.2.1]"},
        ),
    ),
    Case(
        "the right number of colons",
        "5118",
        "4.10",
        build("OPTIONS sip:adam@[2001:db8::192.0.2.1] SIP/2.0"),
    ),
]

CASES = [*VALID, *INVALID, *IPV6]
