"""The STUN server with two addresses, asked by clients of RFC 5780 (coturn) and of RFC 3489."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.harness.exchange import Setup, serving
from tests.interop.harness.process import free_port, run

pytestmark = [pytest.mark.interop("turnutils_natdiscovery", "stun"), pytest.mark.timeout(60)]

ONE, OTHER = "127.0.0.1", "127.0.0.2"


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """The two ports of a running server."""
    first, second = free_port(), free_port()
    extra = (
        f'[stun]\nlisten = ["udp:{ONE}:{first}", "udp:{OTHER}:{first}"]\nother_port = {second}\n'
    )
    with serving(tmp_path, Setup(extra=extra)):
        yield first, second


@pytest.mark.rfc("5780", "4.3")
@pytest.mark.rfc("5780", "4.4")
def test_coturn_finds_out_that_there_is_no_nat(tmp_path: Path, ports: tuple[int, int]) -> None:
    first, second = ports
    command = ["turnutils_natdiscovery", "-m", "-f", "-p", str(first), "-L", "127.0.0.3"]
    found = run([*command, ONE], folder=tmp_path, timeout=30)
    text = found.stdout + found.stderr
    assert f"Response origin: : {ONE}:{first}" in text, text
    assert f"Other addr: : {OTHER}:{second}" in text, text
    assert "NAT with Endpoint Independent Mapping!" in text or "No NAT detected" in text, text
    assert "NAT with Endpoint Independent Filtering!" in text, text


def test_a_client_of_the_old_kind_is_told_its_address(
    tmp_path: Path, ports: tuple[int, int]
) -> None:
    found = run(["stun", f"{ONE}:{ports[0]}", "-v"], folder=tmp_path, timeout=30)
    assert "Primary: Open" in found.stdout + found.stderr, found.stdout + found.stderr
