"""Digest by any algorithm and with the body (RFC 7616 3.4), written apart from the code under test
on purpose."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from tests.interop.harness.endpoint import Account
from tests.interop.harness.wire import Response

HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
_HEADERS = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}


@dataclass(frozen=True, slots=True)
class Offer:
    """One challenge of an answer."""

    fields: dict[str, str]

    @property
    def algorithm(self) -> str:
        """As it was written, MD5 if it was not."""
        return self.fields.get("algorithm", "MD5")

    @property
    def qop(self) -> list[str]:
        """The protections offered."""
        return self.fields["qop"].split(",")


def offers(answer: Response) -> list[Offer]:
    """The challenges of a 401 or 407 in their order."""
    name = _HEADERS[answer.status][0].encode()
    values = re.findall(rb"(?im)^" + name + rb":[ \t]*Digest[ \t]+(.*?)\r?$", answer.raw)
    return [
        Offer({key: quoted or plain for key, quoted, plain in _pairs(value.decode())})
        for value in values
    ]


def _pairs(text: str) -> list[tuple[str, str, str]]:
    return re.findall(r'([\w-]+)=(?:"([^"]*)"|([^\s,"]+))', text)


def proof(
    answer: Response,
    offer: Offer,
    account: Account,
    method: str,
    uri: str,
    *,
    username: str = "",
    body: bytes | None = None,
) -> dict[str, str]:
    """The header that answers one challenge; with `body` by auth-int."""
    name = username or account.user

    def digest(data: bytes) -> str:
        return hashlib.new(HASHES[offer.algorithm], data, usedforsecurity=False).hexdigest()

    qop = "auth" if body is None else "auth-int"
    realm, nonce = offer.fields["realm"], offer.fields["nonce"]
    ha1 = digest(f"{name}:{realm}:{account.password}".encode())
    suffix = "" if body is None else f":{digest(body)}"
    ha2 = digest(f"{method}:{uri}{suffix}".encode())
    value = digest(f"{ha1}:{nonce}:00000001:c0ffee:{qop}:{ha2}".encode())
    return {
        _HEADERS[answer.status][1]: (
            f'Digest username="{name}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
            f'response="{value}", cnonce="c0ffee", nc=00000001, qop={qop}, '
            f"algorithm={offer.algorithm}"
        )
    }
