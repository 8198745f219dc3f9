"""That the dashboard and the alert rules ask for what there is."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.ops.test_http import get, http_of
from tests.integration.ops.workers.test_workers import all_ready
from tests.support.app import GatewayDaemon
from tests.support.clients import OURS, thriftpy2_client
from tests.support.daemon import Daemon
from tests.support.paths import ROOT
from tests.support.raw_http import conversation

DASHBOARDS = [json.loads(path.read_text()) for path in sorted((ROOT / "contrib/grafana").glob("*.json"))]
RULES = yaml.safe_load((ROOT / "contrib/prometheus/twisted-tasks.rules.yml").read_text())
GATEWAY = (ROOT / "docs/gateway.md").read_text()
OPERATIONS = (ROOT / "docs/operations.md").read_text()

_NAME = re.compile(r"\b[a-z_][a-z0-9_:]*\b(?!\s*\()")
"""What is neither a number nor a function, once labels and ranges are left out."""
_SELECTED = re.compile(r"(\w+)\{([^}]*)\}")
_GROUPED = re.compile(r"by \(([^)]*)\)")
_PROMETHEUS_ADDS = {"instance", "job"}
_PROMETHEUS_MAKES = {"up"}


def expressions() -> list[str]:
    asked = [target["expr"] for board in DASHBOARDS for panel in board["panels"] for target in panel["targets"]]
    return asked + [rule["expr"] for group in RULES["groups"] for rule in group["rules"]]


def names(expression: str) -> set[str]:
    """Return the metrics an expression names, without the labels it selects and groups by."""
    return set(_NAME.findall(re.sub(r"\{[^}]*\}|\[[^]]*\]|by \([^)]*\)", "", expression)))


def labels(names: set[str], exported: str) -> set[str]:
    """Return the labels that samples of these names have."""
    samples = (sample for family in text_string_to_metric_families(exported) for sample in family.samples)
    return _PROMETHEUS_ADDS.union(*(sample.labels for sample in samples if sample.name in names))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What daemons of every kind export after some calls: one process, workers, MongoDB."""
    text = ""
    for options in (["--workers", "2"], ["--mongo-port", "1", "--timeout", "0.2"]):
        with Daemon(tmp_path_factory.mktemp("daemon"), "--http", "0", *options) as daemon:
            address = http_of(daemon)
            if "--workers" in options:
                all_ready(address)
            with thriftpy2_client(daemon.port) as client:
                client.check()
                for call in (lambda client=client: client.all("me"), lambda client=client: client.all("")):
                    try:
                        call()
                    except OURS.BaseException:
                        continue
            text += get(address, "/metrics")[1]
            daemon.kill(signal.SIGTERM)
    return text + exported_by_the_gateway(tmp_path_factory.mktemp("gateway"))


def exported_by_the_gateway(folder: Path) -> str:
    """Return what a gateway exports after some requests."""
    with GatewayDaemon(folder, ["127.0.0.1:1"], "--http", "0", "--timeout", "0.5") as gateway:
        address = http_of(gateway)
        conversation(gateway.address, b"nonsense\r\n\r\n")
        conversation(gateway.address, b"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        return get(address, "/metrics")[1]


@pytest.mark.parametrize("expression", expressions())
def test_every_name_there_is(expression: str, exported: str) -> None:
    """Each expression names metrics, and only such as are exported."""
    assert names(expression)
    for name in names(expression) - _PROMETHEUS_MAKES:
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        assert re.search(rf"^# TYPE ({name}|{base}) ", exported, re.MULTILINE), f"{name} is not exported"


@pytest.mark.parametrize("expression", expressions())
def test_every_label_there_is(expression: str, exported: str) -> None:
    """Each expression selects and groups by labels its metrics have, or by those Prometheus adds."""
    for name, selected in _SELECTED.findall(expression):
        assert set(re.findall(r"(\w+)(?:=~|!=|=)\"", selected)) <= labels({name}, exported)
    for grouped in _GROUPED.findall(expression):
        assert set(re.split(r",\s*", grouped)) <= labels(names(expression), exported)


@pytest.mark.parametrize(
    "wrong", ["task_ready == 0", "tasks_reddy", "sum by (code) (tasks_ready)", 'tasks_ready{code="1"}']
)
def test_a_wrong_one(wrong: str, exported: str) -> None:
    """What names a metric or a label there is not does not pass."""

    def both() -> None:
        test_every_name_there_is(wrong, exported)
        test_every_label_there_is(wrong, exported)

    with pytest.raises(AssertionError):
        both()


RULE_EXPRESSIONS = [rule["expr"] for group in RULES["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("expression", RULE_EXPRESSIONS)
def test_rules_are_of_our_jobs(expression: str) -> None:
    """Each metric in a rule is selected by job: others on the same Prometheus export metrics of the same names."""
    selected = [name for name, labels in _SELECTED.findall(expression) if re.search(r"\bjob=~?\"tasks", labels)]
    assert set(selected) == names(expression)
    assert len(selected) == len(re.findall(r"\{", expression))


def test_a_target_that_is_gone() -> None:
    """There are rules for an instance that does not answer, and for a service of which no instance is known."""
    assert any(re.fullmatch(r"up\{.*\} == 0", expression) for expression in RULE_EXPRESSIONS)
    assert any(re.fullmatch(r"absent\(up\{.*\}\)", expression) for expression in RULE_EXPRESSIONS)


def test_rules() -> None:
    """Each rule says what is wrong, what to do, and how urgent it is."""
    for group in RULES["groups"]:
        for rule in group["rules"]:
            assert set(rule["annotations"]) == {"summary", "description"}
            assert rule["labels"]["severity"] in ("warning", "critical")


def test_every_metric_is_described(exported: str) -> None:
    """docs/operations.md describes every metric of ours, and none that is not there."""
    families: Any = re.findall(r"^# TYPE (\S+) ", exported, re.MULTILINE)
    ours = {name for name in families if name.startswith(("thrift_", "tasks_", "reactor_"))}
    described = set(re.findall(r"^\| `((?:thrift|tasks|reactor)_\w+)` \|", OPERATIONS + GATEWAY, re.MULTILINE))
    assert described == ours
