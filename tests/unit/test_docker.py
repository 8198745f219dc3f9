"""What the Dockerfile and the Compose file promise. The image itself: tests/image/check_image.py."""

from __future__ import annotations

import re
from importlib.util import find_spec

from tests.support import dockerfile
from tests.support.paths import ROOT
from twisted_tasks import healthcheck
from twisted_tasks.gateway import config as gateway_config
from twisted_tasks.service import config

SETUP = (ROOT / "setup.cfg").read_text()


def default(option: str) -> str:
    """Return the default of a setting, as text."""
    return next(setting.default for setting in config.SETTINGS if setting.option == option)


def test_the_base() -> None:
    """It builds on the slim image of a Python that setup.cfg names, and on another base where one is given."""
    arguments, *stages = dockerfile.stages()
    (base,) = (instruction.text for instruction in arguments if instruction.name == "ARG")
    name, _, image = base.partition("=")
    version = re.fullmatch(r"python:(3\.\d+)-slim", image)
    assert version is not None
    assert f"Programming Language :: Python :: {version[1]}\n" in SETUP
    assert {stage[0].text.split()[0] for stage in stages} == {f"${{{name}}}"}


def test_the_command() -> None:
    """The daemon is the container's first process, which Docker's signals reach, and further options may follow."""
    command = ["twistd", "-n", "--pidfile=", "tasks", "--host", "0.0.0.0"]
    assert dockerfile.last("ENTRYPOINT").words == command
    assert not [instruction for instruction in dockerfile.stages()[-1] if instruction.name in ("CMD", "SHELL")]


def test_it_is_not_root() -> None:
    """The user is not root, and is a number: a name does not tell Kubernetes so."""
    user = re.fullmatch(r"([1-9][0-9]*):([1-9][0-9]*)", dockerfile.last("USER").text)
    assert user is not None
    final = dockerfile.stages()[-1]
    instructions = [instruction.name for instruction in final]
    assert "RUN" not in instructions[instructions.index("USER") :]
    assert f"--uid {user[1]} " in next(instruction.text for instruction in final if instruction.name == "RUN")


def test_the_tools() -> None:
    """The image has what the `tasks` command needs."""
    install = next(one.text for one in dockerfile.stages()[1] if one.name == "RUN" and "pip" in one.text)
    assert "'/src[cli]'" in install


def test_health_and_metrics() -> None:
    """A bare port for health and metrics is on the container's own network: nobody reaches its loopback."""
    image = dict(
        word.split("=", 1) for one in dockerfile.stages()[-1] if one.name == "ENV" for word in one.text.split()
    )
    settings = config.load({}, {**image, "TASKS_HTTP": "9091"})
    assert settings.http == "tcp:9091:interface=0.0.0.0"


def test_the_port() -> None:
    """The port it exposes is the one the daemon listens on."""
    assert dockerfile.last("EXPOSE").text == default("port")


def test_the_data() -> None:
    """The daemon runs in a volume, so the embedded store is in it."""
    assert dockerfile.last("VOLUME").text == dockerfile.last("WORKDIR").text
    assert not default("sqlite").startswith("/")


def test_the_health_check() -> None:
    """It runs a module of ours, without a shell, and leaves it the time it takes."""
    check = dockerfile.last("HEALTHCHECK")
    assert re.search(r"\sCMD\s+\[", check.text)
    assert check.words == ["python", "-m", healthcheck.__name__]
    assert find_spec(check.words[-1]) is not None
    assert dockerfile.seconds(dockerfile.option(check, "timeout")) > healthcheck.TIMEOUT


def test_what_it_is_built_from() -> None:
    """Nothing of a checkout gets into the build unless it is named, and what setup.cfg asks for is."""
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    named = {rule[1:] for rule in rules if rule.startswith("!")}
    assert all((ROOT / name).exists() for name in named)
    needed = {"setup.cfg", "setup.py", "pyproject.toml", "twisted", "twisted_tasks"}
    assert named >= needed | set(re.findall(r"^(?:long_description = file:|license_files =) (\S+)$", SETUP, re.M))


def test_compose_publishes_the_gateway_alone() -> None:
    """Only the gateway is published, to this machine alone, at the port the gateway listens on by default."""
    services = dockerfile.compose()["services"]
    port = next(row.default for row in gateway_config.SETTINGS if row.option == "web")
    assert {name: service.get("ports") for name, service in services.items() if "ports" in service} == {
        "gateway": [f"127.0.0.1:{port}:{port}"]
    }
    assert services["gateway"]["entrypoint"][-4:] == ["--pidfile=", "tasks-gateway", "--web", f"tcp:{port}"]


def test_compose_knows_the_gateways_settings() -> None:
    """What Compose tells the gateway are variables that it knows."""
    known = {variable for row in gateway_config.SETTINGS for variable in row.variables}
    assert set(dockerfile.compose()["services"]["gateway"]["environment"]) <= known


def test_compose_uses_its_mongo() -> None:
    """What it sets makes the daemon keep its tasks in the MongoDB beside it, and every variable is one it knows."""
    environment = dockerfile.compose()["services"]["tasks"]["environment"]
    settings = config.load({}, environment)
    assert isinstance(settings.store, config.MongoOptions)
    assert settings.store.uri == "mongodb://mongo:27017"
    assert set(environment) <= {name for setting in config.SETTINGS for name in setting.variables}


def test_compose_waits_for_mongo() -> None:
    """The daemon is started once MongoDB answers."""
    services = dockerfile.compose()["services"]
    assert services["tasks"]["depends_on"] == {"mongo": {"condition": "service_healthy"}}
    assert services["mongo"]["healthcheck"]["test"][:2] == ["CMD", "mongosh"]


def test_compose_keeps_the_data() -> None:
    """MongoDB's data is in a named volume, and its version is one major release."""
    compose = dockerfile.compose()
    mongo = compose["services"]["mongo"]
    (name, _, path) = mongo["volumes"][0].partition(":")
    assert name in compose["volumes"]
    assert path == "/data/db"
    assert re.fullmatch(r"mongo:[0-9]+\.0", mongo["image"])


def test_compose_checks_as_the_image_does() -> None:
    """The health check of the Compose file is the image's."""
    check = dockerfile.last("HEALTHCHECK")
    stated = dockerfile.compose()["services"]["tasks"]["healthcheck"]
    assert stated.pop("test") == ["CMD", *check.words]
    for name, value in stated.items():
        assert dockerfile.option(check, name.replace("_", "-")) == str(value)


def test_compose_lets_it_stop() -> None:
    """Calls in flight have the time to end that the daemon gives them."""
    period = dockerfile.compose()["services"]["tasks"]["stop_grace_period"]
    assert dockerfile.seconds(period) > float(default("drain-timeout"))
