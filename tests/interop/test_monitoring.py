"""Prometheus scrapes a running exchange, and its own tool judges the page and the alert rules."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.harness.certificates import Certificate
from tests.interop.harness.exchange import Exchange, Profile, Setup, serving
from tests.interop.harness.process import LOOPBACK, Program, free_port, run, until

pytestmark = [pytest.mark.interop("prometheus", "promtool"), pytest.mark.timeout(90)]

RULES = Path(__file__).parents[2] / "examples" / "monitoring"
CONFIGURATION = """\
global: {{scrape_interval: 500ms, evaluation_interval: 500ms}}
rule_files: ["{rules}"]
scrape_configs:
  - {{job_name: offhook, static_configs: [{{targets: ["{target}"]}}]}}
"""


@pytest.fixture(scope="module")
def exchange(
    tmp_path_factory: pytest.TempPathFactory, certificate: Certificate
) -> Iterator[Exchange]:
    """An exchange with every kind of listener."""
    setup = Setup((Profile(transports=("udp", "tcp", "tls")),), certificate=certificate)
    with serving(tmp_path_factory.mktemp("monitored"), setup) as running:
        yield running


def target(exchange: Exchange) -> str:
    """HOST:PORT of the management listener, as the greeting tells it."""
    found = exchange.running.wait_for(r"^metrics +http://(\S+)/metrics$")
    return found[1]


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as answer:
        data: bytes = answer.read()
        return data


def test_promtool_finds_no_fault_in_the_page(exchange: Exchange, tmp_path: Path) -> None:
    assert exchange.offhook("ping", exchange.endpoint.uri("udp")).returncode == 0
    page = exchange.metrics()
    assert 'offhook_core_rcv_requests_total{method="OPTIONS"' in page
    assert 'offhook_tls_certificate_expiry_seconds{certificate="' in page
    done = run(["promtool", "check", "metrics"], folder=tmp_path, timeout=20, stdin=page)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_alert_rules_hold_and_each_fault_fires(tmp_path: Path) -> None:
    done = run(["promtool", "check", "rules", RULES / "alerts.yml"], folder=tmp_path, timeout=20)
    assert done.returncode == 0, done.stdout + done.stderr
    done = run(["promtool", "test", "rules", "alerts_test.yml"], folder=RULES, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_scrapes_and_knows_our_rules(exchange: Exchange, tmp_path: Path) -> None:
    configuration = tmp_path / "prometheus.yml"
    configuration.write_text(
        CONFIGURATION.format(rules=RULES / "alerts.yml", target=target(exchange))
    )
    address = f"{LOOPBACK}:{free_port()}"
    command = ["prometheus", f"--config.file={configuration}", f"--web.listen-address={address}"]
    prometheus = Program(
        "prometheus", [*command, f"--storage.tsdb.path={tmp_path / 'data'}"], folder=tmp_path
    )

    def value(query: str) -> float | None:
        words = urllib.parse.urlencode({"query": query})
        answer = json.loads(fetch(f"http://{address}/api/v1/query?{words}"))
        found = answer["data"]["result"]
        return float(found[0]["value"][1]) if found else None

    try:
        prometheus.wait_for("Server is ready to receive web requests", timeout=30)
        until(lambda: value('up{job="offhook"}') == 1, timeout=15, what="the first scrape")
        query = 'sum(offhook_core_rcv_requests_total{method="OPTIONS"})'
        before = value(query) or 0
        assert exchange.offhook("ping", exchange.endpoint.uri("tcp")).returncode == 0
        until(lambda: value(query) == before + 1, timeout=15, what="a scrape with the ping")
        groups = json.loads(fetch(f"http://{address}/api/v1/rules"))["data"]["groups"]
        states = {rule["name"]: rule["state"] for group in groups for rule in group["rules"]}
        # the test's certificate lives for two days; nothing else is wrong
        assert states.pop("OffhookCertificateExpires") == "firing"
        assert len(states) > 10
        assert set(states.values()) == {"inactive"}, states
    finally:
        prometheus.stop(timeout=10)
