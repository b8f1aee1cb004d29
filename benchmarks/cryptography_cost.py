"""What encryption alone costs: the same octets through two TLS objects in memory, without sockets,
loop or SIP.

Each item is what the server does for one request and its response: decrypt what came, encrypt what
leaves. Runs in a process of its own on the server's core; prints µs an item.
"""

from __future__ import annotations

import argparse
import ssl
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.processes import BenchmarkError

__all__ = ["main", "make_certificate", "measure_cryptography"]

ROOT = Path(__file__).resolve().parent.parent
ITEMS = 20_000
ROUNDS = 5
DEADLINE = 60.0


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key, signed by itself."""
    certificate, key = folder / "bench.pem", folder / "bench.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"]
    command += ["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(certificate)]
    answer = subprocess.run(
        [*command, "-keyout", str(key)], capture_output=True, text=True, check=False
    )
    if answer.returncode != 0:
        raise BenchmarkError(f"openssl could not make a certificate: {answer.stderr[-500:]}")
    return certificate, key


def measure_cryptography(
    folder: Path, core: int, *, request: int, response: int
) -> tuple[str, float]:
    """The cipher, and the µs for decrypting `request` octets and encrypting `response` octets."""
    certificate, key = make_certificate(folder)
    command = ["taskset", "-c", str(core), sys.executable, "-m", "benchmarks.cryptography_cost"]
    command += [str(certificate), str(key), str(request), str(response)]
    answer = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    if answer.returncode != 0:
        raise BenchmarkError(f"cryptography_cost failed: {answer.stderr[-1000:]}")
    cipher, microseconds = answer.stdout.split()
    return cipher, float(microseconds)


class _Pair:
    """A server and a client that share four buffers in memory."""

    def __init__(self, certificate: str, key: str) -> None:
        self._to_server, self._to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server = context.wrap_bio(self._to_server, self._to_client, server_side=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.client = context.wrap_bio(self._to_client, self._to_server)
        for side in (self.client, self.server) * 3:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue

    def records(self, octets: int, count: int) -> list[bytes]:
        """What a client sends, encrypted: one entry a request."""
        made = []
        for _ in range(count):
            self.client.write(b"x" * octets)
            made.append(self._to_server.read())
        return made

    def serve(self, records: list[bytes], response: bytes) -> float:
        """The seconds that the server's side takes."""
        server, incoming, outgoing = self.server, self._to_server, self._to_client
        started = time.perf_counter()
        for record in records:
            incoming.write(record)
            server.read(65_536)
            server.write(response)
            outgoing.read()
        return time.perf_counter() - started


def main() -> int:
    """Print the cipher and the best µs an item."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("certificate")
    parser.add_argument("key")
    parser.add_argument("request", type=int, help="octets")
    parser.add_argument("response", type=int, help="octets")
    given = parser.parse_args()
    pair = _Pair(given.certificate, given.key)
    times = [
        pair.serve(pair.records(given.request, ITEMS), b"x" * given.response) for _ in range(ROUNDS)
    ]
    cipher = pair.server.cipher()
    print(cipher[0] if cipher else "none", min(times) / ITEMS * 1e6)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
