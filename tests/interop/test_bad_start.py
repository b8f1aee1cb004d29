"""What an operator sees: one line for each fault at the start, and tools that work afterwards.

Exit 2 is a wrong configuration, exit 1 something that the machine refuses.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.interop.harness.certificates import Certificate
from tests.interop.harness.endpoint import Account
from tests.interop.harness.exchange import OFFHOOK, Exchange, Profile, Setup, serving
from tests.interop.harness.matrix import Matrix
from tests.interop.harness.process import LOOPBACK, free_port, run

pytestmark = [pytest.mark.interop(), pytest.mark.timeout(60)]


def serve(folder: Path, configuration: str) -> CompletedProcess[str]:
    """Start an exchange that is expected to refuse."""
    path = folder / "offhook.toml"
    path.write_text(configuration)
    return run([OFFHOOK, "serve", "--config", path], folder=folder, timeout=15)


def complaints(done: CompletedProcess[str]) -> list[str]:
    """The lines on standard error; a traceback is never one of them."""
    assert "Traceback" not in done.stderr + done.stdout
    assert "ready" not in done.stdout.splitlines()
    return [line for line in done.stderr.splitlines() if line.strip()]


def basic(port: int, storage: str = "sqlite:offhook.db", *, kind: str = "udp") -> str:
    """A configuration with one listener."""
    return f"""
domains = ["example.com"]
[profiles.internal]
listen = ["{kind}:{LOOPBACK}:{port}"]
[storage]
url = "{storage}"
[admin]
listen = "{LOOPBACK}:{free_port()}"
socket = "offhook.sock"
"""


def test_every_fault_of_a_configuration_is_told_in_one_line(tmp_path: Path) -> None:
    done = serve(
        tmp_path,
        """
domians = ["example.com"]
[profiles.internal]
listen = ["udp:127.0.0.1:99999"]
authenticate = "perhaps"
[log]
level = "deafening"
""",
    )
    lines = complaints(done)
    assert done.returncode == 2, done
    assert len(lines) == 4, lines
    for word in ("domians", "99999", "authenticate", "log.level"):
        assert sum(word in line for line in lines) == 1, (word, lines)
    assert any("domians" in line and "domains" in line for line in lines), "no suggestion"


def test_check_finds_the_same_faults(tmp_path: Path) -> None:
    path = tmp_path / "offhook.toml"
    path.write_text('domians = ["example.com"]\n[log]\nlevel = "deafening"\n')
    done = run([OFFHOOK, "check", "--config", path], folder=tmp_path, timeout=15)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr + done.stdout
    told = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    assert len(told) == 2, told


def test_a_program_that_does_not_load_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "routing.py").write_text("import nothing_of_this_name\n")
    path = tmp_path / "offhook.toml"
    path.write_text(basic(free_port()))
    command: list[str | Path] = [OFFHOOK, "serve", tmp_path / "routing.py", "--config", path]
    done = run(command, folder=tmp_path, timeout=15)
    lines = complaints(done)
    assert done.returncode == 2, done
    assert len(lines) == 1, lines
    assert "nothing_of_this_name" in lines[0]


@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_a_port_in_use_is_told_in_one_line(tmp_path: Path, kind: str) -> None:
    port = free_port()
    family = socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, family) as holder:
        holder.bind((LOOPBACK, port))
        if kind == "tcp":
            holder.listen()
        done = serve(tmp_path, basic(port, kind=kind))
    lines = complaints(done)
    assert done.returncode == 1, done
    assert len(lines) == 1, lines
    assert str(port) in lines[0]


def test_files_that_are_not_there_are_faults_of_the_configuration(tmp_path: Path) -> None:
    tables = '[tls]\ncertificate = "server.pem"\nkey = "server.key"\n'
    configuration = basic(free_port(), "sqlite:no/such/folder/offhook.db", kind="tls")
    done = serve(tmp_path, configuration + tables)
    lines = complaints(done)
    assert done.returncode == 2, done
    for name in ("server.pem", "server.key", "no/such/folder"):
        assert sum(name in line for line in lines) == 1, lines
    assert len(lines) == 3, lines


def test_an_unreadable_certificate_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "server.pem").write_text("this is no certificate\n")
    (tmp_path / "server.key").write_text("this is no key\n")
    tables = '[tls]\ncertificate = "server.pem"\nkey = "server.key"\n'
    done = serve(tmp_path, basic(free_port(), kind="tls") + tables)
    lines = complaints(done)
    assert done.returncode == 1, done
    assert len(lines) == 1, lines
    assert "server.pem" in lines[0]


def test_a_key_of_another_certificate_is_told_in_one_line(
    tmp_path: Path, certificate: Certificate
) -> None:
    tables = f'[tls]\ncertificate = "{certificate.certificate}"\nkey = "{certificate.authority}"\n'
    done = serve(tmp_path, basic(free_port(), kind="tls") + tables)
    lines = complaints(done)
    assert done.returncode == 1, done
    assert len(lines) == 1, lines


def test_tls_without_a_certificate_is_a_wrong_configuration(tmp_path: Path) -> None:
    done = serve(tmp_path, basic(free_port(), kind="tls"))
    lines = complaints(done)
    assert done.returncode == 2, done
    assert len(lines) == 1, lines
    assert "certificate" in lines[0]


@pytest.mark.parametrize("kind", ["a folder", "another file"])
def test_an_unusable_database_is_told_in_one_line(tmp_path: Path, kind: str) -> None:
    database = tmp_path / "offhook.db"
    if kind == "a folder":
        database.mkdir()
    else:
        database.write_bytes(b"this is no database, but long enough to be one\n" * 100)
    done = serve(tmp_path, basic(free_port()))
    lines = complaints(done)
    assert done.returncode == 1, done
    assert len(lines) == 1, lines
    assert "offhook.db" in lines[0]


@pytest.fixture
def exchange(tmp_path: Path, alice: Account) -> Iterator[Exchange]:
    """A running exchange with one account."""
    setup = Setup((Profile(transports=("udp", "tcp")),), (alice,))
    with serving(tmp_path / "exchange", setup) as running:
        yield running


@pytest.mark.interop("sipsak")
def test_sipsak_gets_its_options_answered(exchange: Exchange, matrix: Matrix) -> None:
    for transport in ("udp", "tcp"):
        host, port = exchange.endpoint.address(transport)
        command = ["sipsak", "-vv", "-E", transport, "-s", f"sip:{host}:{port}"]
        with matrix.cell("OPTIONS", transport, "sipsak"):
            done = run(command, folder=exchange.folder, timeout=10)
            assert done.returncode == 0, done
            assert "SIP/2.0 200" in done.stdout


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_ping_tells_a_living_server_from_a_dead_port(exchange: Exchange, transport: str) -> None:
    alive = exchange.offhook("ping", exchange.endpoint.uri(transport))
    assert alive.returncode == 0, alive
    assert "200" in alive.stdout
    dead = exchange.offhook(
        "ping", f"sip:{LOOPBACK}:{free_port()};transport={transport}", timeout=45
    )
    assert dead.returncode != 0
    assert "Traceback" not in dead.stderr


def test_send_prints_what_comes_back(exchange: Exchange, tmp_path: Path) -> None:
    message = tmp_path / "options.sip"
    uri = exchange.endpoint.uri("udp")
    message.write_bytes(
        f"OPTIONS {uri} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {LOOPBACK}:9;branch=z9hG4bK-send;rport\r\n"
        "From: <sip:operator@example.com>;tag=1\r\n"
        f"To: <{uri}>\r\nCall-ID: send@tests.invalid\r\nCSeq: 1 OPTIONS\r\n"
        "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n".encode()
    )
    done = exchange.offhook("send", message, uri)
    assert done.returncode == 0, done
    assert "SIP/2.0 200" in done.stdout


def test_control_commands_answer_in_json(exchange: Exchange) -> None:
    for noun in ("registrations", "transactions", "connections"):
        done = exchange.offhook("ctl", noun, "--json")
        assert done.returncode == 0, done
        json.loads(done.stdout)


def test_sigterm_ends_it_with_code_0_and_frees_its_ports(exchange: Exchange) -> None:
    exchange.running.process.terminate()
    assert exchange.running.wait(timeout=10) == 0
    for transport in ("udp", "tcp"):
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(exchange.endpoint.address(transport))
