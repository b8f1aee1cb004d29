"""Globally routable user agent URIs: one phone of an address-of-record (RFC 5627).

Both kinds need no memory. A public GRUU is the AoR with the instance in `gr`. A temporary one hides
AoR and instance in a sealed user part, encrypted and authenticated with a key that is kept in the
storage: nobody else can tell two of them apart, or make one. It is valid while a binding with the
instance and the Call-ID that it was given for lives, so a phone that registers anew with another
Call-ID, or not at all, has taken all of its old ones back (RFC 5627 5.1, 5.3).
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from hmac import compare_digest

from offhook.message import Uri
from offhook.message.escaping import UNRESERVED, comparable, escape
from offhook.registrar.binding import Binding

__all__ = ["Gruu", "Gruus"]

_IN_GR = UNRESERVED | frozenset("[]/:&+$")  # what a URI parameter may hold (RFC 3261 25.1)
_TAG = 12  # octets: 96 bits that only we can make
_SHORT = 8  # octets of a hashed instance or Call-ID: they only choose among bindings of one AoR
_BLOCK = 64  # octets of key stream made at once
LONGEST = (
    1024  # characters of a user part that is looked at: ours have 44 and the user's own length
)


@dataclass(frozen=True, slots=True)
class Gruu:
    """What a GRUU names: an instance of an AoR. A temporary one has the hashes only."""

    aor: str
    instance: str = ""
    instance_hash: bytes = b""
    call_hash: bytes = b""

    @property
    def temporary(self) -> bool:
        """True for a temporary GRUU."""
        return not self.instance

    def names(self, binding: Binding) -> bool:
        """True if the binding is one of the phone's."""
        if not self.temporary:
            return _comparable(binding.instance) == self.instance
        return (
            bool(binding.instance)
            and _short(binding.instance) == self.instance_hash
            and _short(binding.call_id) == self.call_hash
        )

    def bindings(self, bindings: Sequence[Binding], unix: float) -> list[Binding]:
        """Those of the phone that have not expired. For a temporary GRUU none also means that it
        is not valid any more."""
        found = [each for each in bindings if each.expires > unix and self.names(each)]
        if found and self.temporary:
            instance = found[0].instance  # valid, and then all of the phone's flows count
            return [each for each in bindings if each.expires > unix and each.instance == instance]
        return found


class Gruus:
    """Makes and reads GRUUs with one key of 16 to 64 octets."""

    def __init__(self, key: bytes) -> None:
        self._seal = blake2b(b"seal", key=key, digest_size=32).digest()
        self._stream = blake2b(b"stream", key=key, digest_size=32).digest()

    def public(self, binding: Binding) -> str:
        """The public GRUU of the phone that a binding with an instance belongs to."""
        return f"{binding.aor};gr={escape(_bare(binding.instance), _IN_GR)}"

    def newest(self, bindings: Sequence[Binding]) -> str:
        """The latest temporary GRUU of a phone, of which these are all bindings (RFC 5627 5.2)."""
        latest = max(bindings, key=lambda binding: binding.registered)
        return self.temporary(latest)

    def temporary(self, binding: Binding) -> str:
        """The temporary GRUU that belongs to one REGISTER: every refresh has another."""
        user, _, host = binding.aor.removeprefix("sip:").rpartition("@")
        payload = b"".join(
            [
                _short(binding.instance),
                _short(binding.call_id),
                binding.cseq.to_bytes(4, "big"),
                user.encode(),
            ]
        )
        tag = self._tag(payload, host)
        token = _text(tag + self._crypt(payload, tag))
        return f"sip:{token}@{host};gr"

    def read(self, uri: Uri) -> Gruu | None:
        """The GRUU that a URI is, None for any other URI and for one that we did not make. The host
        has to be one of ours: the caller looks."""
        if not uri.is_sip or "gr" not in uri.parameters or not uri.user:
            return None
        value = uri.parameters.text("gr")
        if value:
            return Gruu(uri.aor(), instance=comparable(value, _IN_GR).lower())
        return self._open(uri)

    def _open(self, uri: Uri) -> Gruu | None:
        user = comparable(uri.user)
        if len(user) > LONGEST or not user.isascii():
            return None
        try:
            sealed = urlsafe_b64decode(user + "=" * (-len(user) % 4))
        except (Base64Error, ValueError):
            return None
        if _text(sealed) != user:
            return None  # the decoder passes over what is no Base64
        tag, payload = sealed[:_TAG], self._crypt(sealed[_TAG:], sealed[:_TAG])
        if len(payload) <= 2 * _SHORT + 4 or not compare_digest(tag, self._tag(payload, uri.host)):
            return None
        return Gruu(
            f"sip:{payload[2 * _SHORT + 4 :].decode()}@{_shown(uri.host)}",
            instance_hash=payload[:_SHORT],
            call_hash=payload[_SHORT : 2 * _SHORT],
        )

    def _tag(self, payload: bytes, host: str) -> bytes:
        text = payload + b"\0" + host.strip("[]").encode()
        return blake2b(text, key=self._seal, digest_size=_TAG).digest()

    def _crypt(self, data: bytes, tag: bytes) -> bytes:
        """The data XORed with the stream of a tag, and each payload has another tag."""
        stream = b"".join(
            [
                blake2b(tag + bytes([block]), key=self._stream).digest()
                for block in range(len(data) // _BLOCK + 1)
            ]
        )
        return bytes(a ^ b for a, b in zip(data, stream, strict=False))


def _text(octets: bytes) -> str:
    return urlsafe_b64encode(octets).decode().rstrip("=")


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _bare(instance: str) -> str:
    return instance.removeprefix("<").removesuffix(">")


def _comparable(instance: str) -> str:
    """An instance as `gr` compares (RFC 3261 19.1.4: escapes resolved, without case)."""
    return comparable(escape(_bare(instance), _IN_GR), _IN_GR).lower()


def _short(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=_SHORT).digest()
