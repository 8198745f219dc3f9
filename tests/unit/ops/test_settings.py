"""What is made of any table of settings."""

from __future__ import annotations

from typing import Any

import pytest

from twisted_tasks.ops import values
from twisted_tasks.ops.daemon_settings import daemon_settings, listen_rows, process_rows
from twisted_tasks.ops.options import DaemonOptions
from twisted_tasks.ops.program import Program
from twisted_tasks.ops.settings import ConfigError, Given, Setting

TABLE = (
    Setting("colour", ("TOY_COLOUR", "COLOUR"), values.one_of("red", "blue"), "red", "What to paint with."),
    Setting("brush-size", ("TOY_BRUSH_SIZE",), values.integer(1, 9), "3", "How broad."),
    Setting("wall-port", ("TOY_WALL_PORT",), values.port, "80", "Where the wall is."),
    Setting("paint", ("TOY_PAINT",), values.text, "all walls", "What to paint; repeatable.", repeatable=True),
    *listen_rows("TOY", port="7000"),
    *process_rows("TOY"),
)


def given(options: dict[str, Any] | None = None, **environment: str) -> Given:
    return Given(TABLE, options or {}, environment)


def test_where_a_value_comes_from() -> None:
    """An option goes before a variable, the first variable before the second, any before the default."""
    assert given().get("colour") == "red"
    assert given().chosen("colour") is None
    assert given(COLOUR="blue").get("colour") == "blue"
    both = given(COLOUR="blue", TOY_COLOUR="red")
    assert (both.chosen("colour"), both.source["colour"]) == ("red", "TOY_COLOUR")
    typed = given({"colour": "blue"}, TOY_COLOUR="red")
    assert (typed.get("colour"), typed.source["colour"], typed.typed("colour")) == ("blue", "--colour", True)


@pytest.mark.parametrize("text", ["", "tcp://10.0.0.5:80"])
def test_a_variable_that_says_nothing(text: str) -> None:
    """An empty variable counts as not set, and so does a link's URL in the place of a port."""
    assert "wall-port" not in given(TOY_WALL_PORT=text)
    assert given(TOY_WALL_PORT=text).get("wall-port") == 80


def test_a_list() -> None:
    """A repeatable option is a tuple; its variable is parted at spaces."""
    assert given({"paint": ["a b", "c"]}).get("paint") == ("a b", "c")
    assert given({"paint": []}, TOY_PAINT="a b").get("paint") == ("a", "b")


@pytest.mark.parametrize(
    ("options", "environment", "expected"),
    [
        ({"brush-size": "10"}, {}, "--brush-size: 10 is not within 1 to 9"),
        ({}, {"TOY_BRUSH_SIZE": "x"}, "TOY_BRUSH_SIZE: 'x' is not a whole number"),
        ({}, {"COLOUR": "green"}, "COLOUR: 'green' is none of red, blue"),
    ],
)
def test_errors_name_the_source(options: dict[str, Any], environment: dict[str, str], expected: str) -> None:
    """What makes no sense is refused in one line that begins with the option or variable it came from."""
    with pytest.raises(ConfigError) as caught:
        Given(TABLE, options, environment)
    assert str(caught.value) == expected


def test_contradictions() -> None:
    """Two settings that contradict each other are refused by both their names."""
    with pytest.raises(ConfigError, match="--colour and TOY_BRUSH_SIZE cannot be given together"):
        given({"colour": "red"}, TOY_BRUSH_SIZE="1").together("colour", "brush-size")
    given({"colour": "red"}).together("colour", "brush-size")


def test_what_every_daemon_has() -> None:
    """The rows every daemon has take its prefix and its port, and are checked against each other."""
    settings = daemon_settings(given(TOY_WORKERS="2", TOY_HTTP="7001"))
    assert settings.listen == ("tcp:7000:interface=127.0.0.1",)
    assert (settings.workers, settings.http) == (2, "tcp:7001:interface=127.0.0.1")
    with pytest.raises(ConfigError, match="TOY_DRAIN_DELAY: it leaves nothing of the 10 s to stop in"):
        daemon_settings(given(TOY_DRAIN_DELAY="10"))


def test_the_command_line() -> None:
    """A daemon's options are those of its table, with help that names default and variables."""

    class Painter(DaemonOptions):
        program = Program("painter", "Paints.", TABLE, lambda options, environment: dict(options), None, None)  # type: ignore[arg-type]

    options = Painter()
    options.parseOptions(["--colour", "blue", "--paint", "door", "--paint", "gate"])
    assert options.settings | {"colour": "blue", "paint": ["door", "gate"], "brush-size": None} == options.settings
    usage = " ".join(str(options).split())
    for setting in TABLE:
        assert f"--{setting.option}=" in usage
        assert f"[default: {setting.default}; {', '.join(setting.variables)}]" in usage
    with pytest.raises(SystemExit, match=r"^twistd painter: .*--nothing"):
        Painter().parseOptions(["--nothing"])
