"""Reloading: the next connection gets what was loaded last, the open ones live on, a bad file
changes nothing."""

from __future__ import annotations

import asyncio
import datetime
import shutil
import ssl
import time
from pathlib import Path

import pytest

from offhook.errors import StartError
from offhook.runtime.own_certificates import DAY
from offhook.runtime.sockets import SocketNetwork
from offhook.runtime.tls import Tls
from offhook.runtime.tls_files import KeyPair, TlsFiles
from tests.interop.harness.certificates import Authority, Certificate
from tests.unit.runtime.loopback import Recorder, Story, listener


def put(certificate: Certificate, folder: Path) -> TlsFiles:
    """Copy a certificate to where the server reads it."""
    shutil.copy(certificate.certificate, folder / "server.pem")
    shutil.copy(certificate.key, folder / "server.key")
    return TlsFiles(str(folder / "server.pem"), str(folder / "server.key"))


async def connect(port: int, authority: Path, name: str) -> asyncio.StreamWriter:
    context = ssl.create_default_context(cafile=str(authority))
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
    return writer


def test_certificates_are_exchanged_while_running(
    run: Story, authority: Authority, certificate: Certificate, tmp_path: Path
) -> None:
    async def story() -> None:
        tls = Tls(put(certificate, tmp_path))
        sockets, sink = SocketNetwork(tls=tls), Recorder()
        sockets.attach(sink)
        real = await sockets.listen(listener("TLS"))
        old = await connect(real.port, authority.root, "sip.example.com")
        put(authority.issue("renewed", ["new.example.com"], []), tmp_path)
        tls.reload(time.time())
        new = await connect(real.port, authority.root, "new.example.com")
        (tmp_path / "server.key").unlink()
        with pytest.raises(StartError, match=r"tls\.key: cannot read"):
            tls.reload(time.time())
        newest = await connect(real.port, authority.root, "new.example.com")
        old.write(b"still here")
        await sink.until(lambda: bool(sink.received))
        assert len(sockets.connections()) == 3
        for writer in (old, new, newest):
            writer.close()
            await writer.wait_closed()
        await sockets.stop()

    run(story())


def test_one_that_has_expired_is_not_loaded(
    authority: Authority, certificate: Certificate, tmp_path: Path
) -> None:
    tls = Tls(put(certificate, tmp_path))
    before = tls.server("internal")
    put(
        authority.issue("late", ["sip.example.com"], [], lifetime=datetime.timedelta(hours=-1)),
        tmp_path,
    )
    with pytest.raises(StartError) as caught:
        tls.reload(time.time())
    assert str(caught.value) == f"tls: {tmp_path}/server.pem has expired - renew it"
    assert tls.server("internal") is before
    (own,) = tls.certificates
    assert own.days_left(time.time()) > 1


def test_a_server_starts_with_one_that_has_expired(authority: Authority, tmp_path: Path) -> None:
    """Phones on UDP must not wait for it."""
    past = authority.issue("gone", ["gone.test"], [], lifetime=datetime.timedelta(hours=-1))
    tls = Tls(put(past, tmp_path))
    (own,) = tls.certificates
    assert own.days_left(time.time()) < 0
    assert tls.server("internal") is not None


def test_a_broken_one_of_many_changes_none(
    authority: Authority, certificate: Certificate, tmp_path: Path
) -> None:
    main = put(certificate, tmp_path)
    second = authority.issue("second", ["second.test"], [])
    files = TlsFiles(
        main.certificate,
        main.key,
        others={"second": KeyPair(str(second.certificate), str(second.key))},
    )
    tls = Tls(files)
    ends = [own.expires for own in tls.certificates]
    put(
        authority.issue("longer", ["sip.example.com"], [], lifetime=datetime.timedelta(days=9)),
        tmp_path,
    )
    second.key.write_text("no key")
    with pytest.raises(StartError, match=r"certificates\.second: cannot use"):
        tls.reload(time.time())
    assert [own.expires for own in tls.certificates] == ends
    authority.issue("second", ["second.test"], [])
    tls.reload(time.time())
    assert max(own.expires for own in tls.certificates) > max(ends) + 6 * DAY
