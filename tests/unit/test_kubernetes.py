"""What contrib/kubernetes promises."""

from __future__ import annotations

from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.support.paths import ROOT
from twisted_tasks.gateway import config as gateway_config
from twisted_tasks.service import config

DOCUMENTS: list[dict[str, Any]] = list(yaml.safe_load_all((ROOT / "contrib/kubernetes/tasks.yaml").read_text()))
SETTINGS = {"tasks": config.SETTINGS, "tasks-gateway": gateway_config.SETTINGS}


def of(kind: str, name: str) -> dict[str, Any]:
    """Return the object of a kind and name."""
    (found,) = [one for one in DOCUMENTS if one["kind"] == kind and one["metadata"]["name"] == name]
    return found


@pytest.mark.parametrize("version", ["1.31", "1.34"])
def test_kubernetes_takes_it(version: str) -> None:
    """Every object is one by Kubernetes' own schemas, without a field that they do not have."""
    for one in DOCUMENTS:
        kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize("name", SETTINGS)
def test_settings(name: str) -> None:
    """What it sets are variables that the daemon knows."""
    known = {variable for row in SETTINGS[name] for variable in row.variables}
    assert set(of("ConfigMap", name)["data"]) <= known


@pytest.mark.parametrize("name", SETTINGS)
def test_a_deployment(name: str) -> None:
    """It runs as nobody in particular, keeps nothing, is probed where health is served, and has time to drain."""
    data = of("ConfigMap", name)["data"]
    spec = of("Deployment", name)["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    health = next(port["containerPort"] for port in container["ports"] if port["name"] == "health")
    assert str(health) in {value for key, value in data.items() if key.endswith("_HTTP")}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] == "health"
        assert container[probe]["httpGet"]["path"] in ("/health/live", "/health/ready")
    drain = next(float(value) for key, value in data.items() if key.endswith("DRAIN_TIMEOUT"))
    assert spec["terminationGracePeriodSeconds"] > drain + 5


def test_selectors() -> None:
    """Services, budgets and policies select the pods that there are."""
    for name in SETTINGS:
        labels = of("Deployment", name)["spec"]["template"]["metadata"]["labels"]
        assert of("Service", name)["spec"]["selector"] == labels
        assert of("PodDisruptionBudget", name)["spec"]["selector"]["matchLabels"] == labels
        assert of("NetworkPolicy", name)["spec"]["podSelector"]["matchLabels"] == labels


def test_only_gateways_reach_the_service() -> None:
    """The service's port is open to gateways and nobody else."""
    rules = of("NetworkPolicy", "tasks")["spec"]["ingress"]
    (thrift,) = [rule for rule in rules if {"port": "thrift"} in rule["ports"]]
    assert thrift["from"] == [{"podSelector": {"matchLabels": {"app": "tasks-gateway"}}}]
