"""Configurations: what they mean, where values come from, and fifty that are broken."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from offhook.errors import ConfigurationError, StartError
from offhook.server.config import find, gateway_password, load, load_text

GOOD = """
domains = ["Example.COM", "example.net", "192.0.2.1"]
[profiles.internal]
listen = ["udp:0.0.0.0:5060", "tcp:0.0.0.0:5060", "tls:[::]:5061"]
digest = ["sha-256", "MD5"]
[profiles.external]
listen = ["udp:0.0.0.0:5080"]
authenticate = false
advertise = "203.0.113.7"
[tls]
certificate = "server.pem"
key = "/etc/server.key"
[gateways.carrier]
uri = "sip:sip.carrier.example"
profile = "external"
username = "4711"
password_file = "carrier.secret"
peers = ["198.51.100.0/24", "2001:db8::/32"]
[registrar]
max_contacts = 3
[admin]
listen = "[::1]:8060"
"""


def faults_of(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load_text(text, Path("/base"))
    return caught.value.faults


def test_without_a_file_everything_has_a_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = load(None, {}, {})
    assert config.domains == ("offhook.local",)
    assert [(s.profile, s.transport, s.host, s.port) for s in config.listeners()] == [
        ("internal", "UDP", "0.0.0.0", 5060),
        ("internal", "TCP", "0.0.0.0", 5060),
    ]
    assert config.profiles["internal"].authenticate
    assert config.profiles["internal"].registrar
    assert config.profiles["internal"].digest == ("MD5",)
    assert config.storage.url == f"sqlite:{tmp_path}/offhook.db"
    assert config.admin.socket == tmp_path / "offhook.sock"
    assert config.admin.listen == ""
    assert {origin for _, _, origin in config.effective()} == {"default"}


def test_reads_every_section() -> None:
    config = load_text(GOOD, Path("/base"))
    assert config.domains == ("example.com", "example.net", "192.0.2.1")
    assert config.default_domain == "example.com"
    assert config.profiles["internal"].digest == ("SHA-256", "MD5")
    assert config.listeners()[3].advertise == "203.0.113.7"
    assert config.tls.certificate == Path("/base/server.pem")
    assert config.tls.key == Path("/etc/server.key")
    carrier = config.gateways["carrier"]
    assert carrier.password_file == Path("/base/carrier.secret")
    assert carrier.peers == (ip_network("198.51.100.0/24"), ip_network("2001:db8::/32"))
    assert config.registrar.max_contacts == 3
    assert config.registrar.min_expires == 60
    assert config.storage.url == "sqlite:/base/offhook.db"
    assert config.origin("registrar.max_contacts") == "file"
    assert config.origin("registrar.min_expires") == "default"


def test_a_profile_registers_as_it_authenticates_unless_it_says_so() -> None:
    text = '[profiles.p]\nlisten = ["udp:127.0.0.1:1"]\nauthenticate = false\n'
    assert not load_text(text).profiles["p"].registrar
    assert load_text(text + "registrar = true").profiles["p"].registrar


def test_an_empty_file_is_all_defaults() -> None:
    assert load_text("").default_domain == "offhook.local"


def test_the_result_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_text("").log.level = "debug"


def test_environment_over_file_and_flags_over_both(tmp_path: Path) -> None:
    file = tmp_path / "offhook.toml"
    file.write_text('[log]\nlevel = "error"\n[storage]\nurl = "sqlite:a.db"\n[registrar]\n')
    environ = {
        "OFFHOOK_LOG__LEVEL": "debug",
        "OFFHOOK_STORAGE__URL": "sqlite:/e/b.db",
        "OFFHOOK_REGISTRAR__MAX_CONTACTS": "7",
        "HOME": "/root",
    }
    config = load(file, {"storage.url": "memory:", "listen": None}, environ)
    assert (config.log.level, config.origin("log.level")) == ("debug", "environment")
    assert (config.storage.url, config.origin("storage.url")) == ("memory:", "flag")
    assert config.registrar.max_contacts == 7


def test_paths_are_relative_to_who_wrote_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    file = folder / "offhook.toml"
    file.write_text('[admin]\nsocket = "run/s"\n')
    monkeypatch.chdir(tmp_path)
    config = load(file, {"storage.url": "sqlite:flag.db"}, {"OFFHOOK_TLS__CA": "ca.pem"})
    assert config.admin.socket == folder / "run/s"
    assert config.storage.url == f"sqlite:{tmp_path}/flag.db"
    assert config.tls.ca == tmp_path / "ca.pem"


def test_listen_flags_replace_those_of_the_only_profile() -> None:
    config = load(None, {"listen": ["udp:127.0.0.1:0"]}, {})
    assert config.profiles["internal"].listen == ("udp:127.0.0.1:0",)
    assert config.origin("profiles.internal.listen") == "flag"


def test_a_faulty_flag_is_named_as_it_was_given() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(None, {"listen": ["udp:nowhere:0"], "storage.url": "x"}, {})
    listen, db = caught.value.faults
    assert listen.startswith("flag --listen: ")
    assert db.startswith("flag --db: ")


def test_a_faulty_variable_is_named() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(None, {}, {"OFFHOOK_LOG__LEVEL": "loud", "OFFHOOK_LOGG__LEVEL": "x"})
    assert caught.value.faults[0].startswith("environment OFFHOOK_LOG__LEVEL: must be one of")
    assert 'did you mean "log"' in caught.value.faults[1]


@pytest.mark.parametrize(
    ("data", "hint"),
    [(None, "No such file"), (b"\xff\xfe", "UTF-8"), (b"#" * (4 * 1024 * 1024 + 1), "larger")],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, data: bytes | None, hint: str) -> None:
    file = tmp_path / "c.toml"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(ConfigurationError, match=hint):
        load(file, {}, {})


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(tmp_path, {}, {})


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_bytes(b"\xef\xbb\xbf[log]\nlevel = 'error'\n")
    assert load(file, {}, {}).log.level == "error"


def test_finds_the_file_of_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find(None) is None
    (tmp_path / "offhook.toml").touch()
    assert find(None) == Path("offhook.toml")
    assert find(Path("x")) == Path("x")


def test_reads_the_password_of_a_gateway(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret with blanks \r\nsecond line\n")
    text = '[gateways.g]\nuri = "sip:h"\nprofile = "internal"\n'
    bare = load_text(text).gateways["g"]
    assert gateway_password("g", bare) == ""
    more = text + 'username = "u"\npassword_file = "secret"\n'
    assert gateway_password("g", load_text(more, tmp_path).gateways["g"]) == "s3cret with blanks "
    gone = load_text(more, tmp_path / "elsewhere").gateways["g"]
    with pytest.raises(StartError, match=r"gateways\.g\.password_file: cannot read"):
        gateway_password("g", gone)


P = '[profiles.p]\nlisten = ["udp:127.0.0.1:5060"]\n'
G = '[gateways.g]\nuri = "sip:h"\nprofile = "internal"\n'
T = (
    "[tls]\ncertificate = 'a'\nkey = 'b'\n"
    "[profiles.p]\nlisten = ['udp:127.0.0.1:5060', 'tls:127.0.0.1:5061']\n"
)

BROKEN = [
    (
        '[profiles."in~side"]\nlisten = ["udp:127.0.0.1:5060"]',
        'offhook.toml: profiles."in~side"',
        "use letters, digits, - and _",
    ),
    # text, what the one fault starts with, what it says
    ("domains = ", "offhook.toml: not valid TOML", "Invalid value"),
    ("[log\n", "offhook.toml: not valid TOML", "line 1"),
    ("[log]\nlevel='info'\nlevel='info'\n", "offhook.toml: not valid TOML", "line 3"),
    ("domain = ['a']", "offhook.toml: domain: unknown key", 'did you mean "domains"?'),
    ("xyzzy = 1", "offhook.toml: xyzzy: unknown key", "the keys here are: domains, profiles"),
    ("domains = []", "offhook.toml: domains: is empty", '["example.com"]'),
    ("domains = 'example.com'", "offhook.toml: domains: must be a list", "["),
    ("domains = [5]", "offhook.toml: domains[0]: must be a text in quotes", ""),
    ("domains = ['a', 'b', 'A']", "offhook.toml: domains: ", '"a" is listed twice'),
    ("domains = ['sip:a.example']", "offhook.toml: domains[0]: ", "write the domain alone"),
    ("domains = ['a.example:5060']", "offhook.toml: domains[0]: ", "a domain has no port"),
    ("domains = ['a b']", "offhook.toml: domains[0]: ", "is not a domain name"),
    ("domains = ['']", "offhook.toml: domains[0]: ", "is not a domain name"),
    ("domains = ['a..b']", "offhook.toml: domains[0]: ", "is not a domain name"),
    ("domains = ['-a.example']", "offhook.toml: domains[0]: ", "is not a domain name"),
    ("domains = ['münchen.example']", "offhook.toml: domains[0]: ", "xn--"),
    (f"domains = ['{'a.' * 130}b']", "offhook.toml: domains[0]: ", "is not a domain name"),
    ("[profiles]", "offhook.toml: profiles: is empty", "[profiles.internal]"),
    ("profiles = 5", "offhook.toml: profiles: must be a table", ""),
    ("[profiles.p]", "offhook.toml: profiles.p.listen: is missing", ""),
    ("[profiles.p]\nlisten = []", "offhook.toml: profiles.p.listen: is empty", "udp:"),
    ("[profiles.p]\nlisten = 'udp:0.0.0.0:1'", "offhook.toml: profiles.p.listen: must be a", ""),
    ("[profiles.p]\nlisten = ['udp:h:1']", "offhook.toml: profiles.p.listen[0]: ", "IP address"),
    ("[profiles.p]\nlisten = ['sctp:0.0.0.0:1']", "offhook.toml: profiles.p.listen[0]: ", "not av"),
    (
        "[profiles.p]\nlisten = ['wss:0.0.0.0:1']",
        "offhook.toml: profiles.p.listen: ",
        "needs tls.certificate and tls.key",
    ),
    ("[websocket]\norigins = ['a.example']", "offhook.toml: websocket.origins[0]: ", "as in"),
    ("[profiles.p]\nlisten = ['udp:1.1.1.1:0x1']", "offhook.toml: profiles.p.listen[0]: ", "port"),
    (
        "[profiles.p]\nlisten = ['udp:0.0.0.0:5060', 'udp:127.0.0.1:5060']",
        "offhook.toml: profiles.p.listen: ",
        "take the same address",
    ),
    (
        "[profiles.p]\nlisten = ['tcp:127.0.0.1:1']\n[profiles.q]\nlisten = ['tcp:127.0.0.1:1']",
        "offhook.toml: profiles.p.listen: ",
        "of profiles.q.listen take the same address",
    ),
    (
        "[tls]\ncertificate='a'\nkey='b'\n[profiles.p]\n"
        "listen = ['tcp:[::]:5061', 'tls:[::1]:5061']",
        "offhook.toml: profiles.p.listen: ",
        "take the same address",
    ),
    (
        "[profiles.p]\nlisten = ['tls:0.0.0.0:5061']",
        "offhook.toml: profiles.p.listen: ",
        "needs tls.certificate and tls.key",
    ),
    (P + "autenticate = true", "offhook.toml: profiles.p.autenticate: ", '"authenticate"?'),
    (P + "authenticate = 'yes'", "offhook.toml: profiles.p.authenticate: ", "true or false"),
    (P + "registrar = 1", "offhook.toml: profiles.p.registrar: must be true or false", ""),
    (P + "digest = ['MD4']", "offhook.toml: profiles.p.digest[0]: ", "use MD5, SHA-256"),
    (P + "digest = []", "offhook.toml: profiles.p.digest: is empty", '["MD5"]'),
    (P + "digest = ['MD5', 'md5']", "offhook.toml: profiles.p.digest: ", "twice"),
    (P + "qop = ['auth-conf']", "offhook.toml: profiles.p.qop[0]: ", "use auth or auth-int"),
    (P + "qop = []", "offhook.toml: profiles.p.qop: is empty", '["auth"]'),
    (P + "qop = ['auth', 'AUTH']", "offhook.toml: profiles.p.qop: ", "twice"),
    (P + "redirect = 'recurse'", "offhook.toml: profiles.p.redirect: ", "one of pass, follow"),
    (P + "advertise = 'a b'", "offhook.toml: profiles.p.advertise: ", "not a domain name"),
    (P + "advertise_to = '10.0.0.0/8'", "offhook.toml: profiles.p.advertise_to: ", "a table"),
    (
        P + "advertise_to = {'10.0.0.1/8' = ''}",
        "offhook.toml: profiles.p.advertise_to: ",
        'mean "10.0.0.0/8"?',
    ),
    (
        P + "advertise_to = {'10.0.0.0/8' = 'a b'}",
        'offhook.toml: profiles.p.advertise_to."10.0.0.0/8": ',
        "not a domain name",
    ),
    (P + "advertise = '1.2.3.4:5060'", "offhook.toml: profiles.p.advertise: ", "no port"),
    ("[tls]\ncertificate = 'a.pem'", "offhook.toml: tls.key: is missing", ""),
    ("[tls]\nkey = 'a.pem'", "offhook.toml: tls.certificate: is missing", ""),
    ("[tls]\nverify_client = true", "offhook.toml: tls.verify_client: ", "unknown key"),
    ("[tls]\nca = 5", "offhook.toml: tls.ca: must be a path", ""),
    ("[tls]\nwildcards = 1", "offhook.toml: tls.wildcards: must be true or false", ""),
    (
        "[certificates.c]\ncertificate = 'a.pem'",
        "offhook.toml: certificates.c.key: is missing",
        "",
    ),
    (
        "[certificates.'a.b']\ncertificate = 'a.pem'\nkey = 'a.key'",
        'offhook.toml: certificates."a.b": ',
        "is no name",
    ),
    (
        P + "certificate = 'c'",
        "offhook.toml: profiles.p.certificate: ",
        "no [certificates.c]; defined are: none",
    ),
    (
        G + "certificate = 'a.pem'",
        "offhook.toml: gateways.g.certificate: ",
        "[certificates.carrier]",
    ),
    (
        G + "peer_names = ['sip:carrier']",
        "offhook.toml: gateways.g.peer_names[0]: ",
        "write the domain alone",
    ),
    (
        G + "peer_names = ['carrier.example']",
        "offhook.toml: gateways.g.peer_names: ",
        "profiles.internal.client_certificate must be optional or more",
    ),
    (
        T + "client_certificate = 'maybe'",
        "offhook.toml: profiles.p.client_certificate: ",
        "none, optional, required, gateways",
    ),
    (
        T + "client_certificate = 'optional'",
        "offhook.toml: profiles.p.client_certificate: ",
        "needs tls.client_ca or tls.ca",
    ),
    (
        T.replace("[tls]", "[tls]\nca = 'ca.pem'") + "client_certificate = 'gateways'",
        "offhook.toml: profiles.p.client_certificate: ",
        "no gateway has this profile",
    ),
    (
        "[tls]\nca = 'ca.pem'\n" + P + "client_certificate = 'optional'",
        "offhook.toml: profiles.p.client_certificate: ",
        "needs a tls: or wss: listener",
    ),
    (
        "[certificates.c]\ncertificate = 'a'\nkey = 'b'\n"
        + G
        + "certificate = 'c'\n"
        + G.replace("gateways.g", "gateways.h"),
        "offhook.toml: gateways.h.certificate: ",
        "gateways.g has the same host and profile",
    ),
    ("[gateways.g]\nprofile = 'internal'", "offhook.toml: gateways.g.uri: is missing", ""),
    (G.replace("sip:h", "http://h"), "offhook.toml: gateways.g.uri: ", "not a SIP URI"),
    (G.replace("internal", "inside"), "offhook.toml: gateways.g.profile: ", "are: internal"),
    (G + "register = true", "offhook.toml: gateways.g.register: ", "not available yet"),
    (G + "username = 'u'", "offhook.toml: gateways.g.password_file: is missing", ""),
    (G + "password_file = 'f'", "offhook.toml: gateways.g.username: is missing", ""),
    (G + "password = 'x'", "offhook.toml: gateways.g.password: unknown", '"password_file"?'),
    (G + "peers = ['10.0.0.1/8']", "offhook.toml: gateways.g.peers[0]: ", 'mean "10.0.0.0/8"?'),
    (G + "peers = ['carrier']", "offhook.toml: gateways.g.peers[0]: ", "is not a network"),
    (G + "peers = [10]", "offhook.toml: gateways.g.peers[0]: must be a text", ""),
    ("[media]\nports = [16384, 32768]", "offhook.toml: media: ", "not available yet"),
    ("[registrar]\nmin_expires = 0", "offhook.toml: registrar.min_expires: ", "at least 1"),
    ("[registrar]\nmin_expires = '60'", "offhook.toml: registrar.min_expires: ", "whole number"),
    ("[registrar]\nmax_contacts = 5000", "offhook.toml: registrar.max_contacts: ", "at most 1000"),
    ("[registrar]\nkeep_alive = 'yes'", "offhook.toml: registrar.keep_alive: ", "options, crlf"),
    ("[registrar]\nkeep_alive_interval = 1", "offhook.toml: registrar.keep_alive_i", "at least 2"),
    ("[registrar]\nmin_expires = 9000", "offhook.toml: registrar.min_expires: ", "is above"),
    ("[registrar]\ndefault_expires = 9", "offhook.toml: registrar.default_expires: ", "between"),
    ("[storage]\nurl = 'offhook.db'", "offhook.toml: storage.url: ", "write sqlite:FILE"),
    ("[storage]\nurl = 'sqlite:'", "offhook.toml: storage.url: ", "write sqlite:FILE"),
    ("[storage]\nurl = 'redis://h/d'", "offhook.toml: storage.url: ", "not available yet"),
    ("[admin]\nlisten = '8060'", "offhook.toml: admin.listen: ", "HOST:PORT"),
    (f"[admin]\nsocket = '{'s' * 120}'", "offhook.toml: admin.socket: ", "longer than 107"),
    ("[log]\nlevel = 'verbose'", "offhook.toml: log.level: ", "debug, info, warning, error"),
    ("log = 'debug'", "offhook.toml: log: must be a table", ""),
]


@pytest.mark.parametrize(("text", "start", "says"), BROKEN)
def test_a_broken_configuration_gives_one_actionable_line(text: str, start: str, says: str) -> None:
    faults = faults_of(text)
    assert len(faults) == 1, faults
    assert faults[0].startswith(start)
    assert says in faults[0]
    assert "\n" not in faults[0]


def test_there_are_fifty_of_them() -> None:
    assert len(BROKEN) >= 50


def test_every_fault_is_told_at_once() -> None:
    faults = faults_of(
        "domains = []\nxyzzy = 1\n[profiles.p]\nlisten = ['udp:1.1.1.1:1', 'udp:x:1',"
        " 'udp:1.1.1.1:1']\n[gateways.g]\nuri = 'sip:h'\nprofile = 'q'\n[log]\nlevel = 'x'"
    )
    starts = [line.split(": ")[1] for line in faults]
    assert sorted(starts) == [
        "domains",
        "gateways.g.profile",
        "log.level",
        "profiles.p.listen",
        "profiles.p.listen[1]",
        "xyzzy",
    ]


def test_what_follows_from_another_fault_is_not_told() -> None:
    text = "[profiles.p]\nlisten = ['udp:x:1']\n[gateways.g]\nuri = 'sip:h'\nprofile = 'p'"
    assert len(faults_of(text)) == 1
    assert len(faults_of("[gateways.g]\nuri = 5\nprofile = 'nowhere'")) == 1
