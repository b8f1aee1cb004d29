"""Whom the tools trust, and that their link is a real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from offhook.cli.tool_network import Means, means, real_link, tls_files
from offhook.errors import UsageError
from offhook.message import parse_uri
from offhook.runtime.tls_files import TlsFiles
from offhook.server.schema import Config, Dns, Tls


def test_the_flag_counts_more_than_the_configuration(tmp_path: Path) -> None:
    config = Config(tls=Tls(ca=Path("/etc/ca.pem"), certificate=Path("/c"), key=Path("/k")))
    assert tls_files(config, None) == TlsFiles(authority="/etc/ca.pem")
    (tmp_path / "ca").touch()
    assert tls_files(config, tmp_path / "ca") == TlsFiles(authority=f"{tmp_path}/ca")
    assert tls_files(Config(), None) == TlsFiles()
    with pytest.raises(UsageError, match="no such file"):
        tls_files(config, tmp_path / "none")


def test_names_are_asked_for_as_the_configuration_says() -> None:
    config = Config(dns=Dns(servers=("127.0.0.1:5353",), deadline=2))
    assert means(config, None) == Means(TlsFiles(), config.dns)


async def test_two_links_reach_each_other() -> None:
    async with real_link(Means(), local=("127.0.0.1", 0)) as one, real_link(Means()) as other:
        flow = await one.connect(parse_uri("sip:127.0.0.1:9"))
        here = flow.sent_by()[1]
        there = await other.connect(parse_uri(f"sip:127.0.0.1:{here}"))
        other.send(there, b"hello")
        arrival = await one.next_arrival(one.now() + 5.0)
        assert arrival is not None
        assert arrival.data == b"hello"
