"""The Dockerfile and the Compose file, read as far as tests need them."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

import yaml

from tests.support.paths import ROOT


class Instruction(NamedTuple):
    """One instruction of a Dockerfile."""

    name: str
    """In capitals."""
    text: str
    """What follows, on one line."""

    @property
    def words(self) -> list[str]:
        """The JSON list of the exec form. Raises ValueError for the shell form."""
        words = json.loads(self.text[self.text.index("[") :])
        assert all(isinstance(word, str) for word in words)
        return words


def stages() -> list[list[Instruction]]:
    """Return the Dockerfile's stages, each from its FROM; what stands before the first is the first of the list."""
    text = (ROOT / "Dockerfile").read_text()
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#")).replace("\\\n", "")
    found: list[list[Instruction]] = [[]]
    for line in filter(None, map(str.strip, lines.splitlines())):
        name, _, rest = line.partition(" ")
        if name.upper() == "FROM":
            found.append([])
        found[-1].append(Instruction(name.upper(), rest.strip()))
    return found


def last(name: str) -> Instruction:
    """Return the instruction of this name that holds in the image: the last one of the last stage."""
    return [instruction for instruction in stages()[-1] if instruction.name == name][-1]


def option(instruction: Instruction, name: str) -> str:
    """Return the value of --name=value in an instruction."""
    match = re.search(rf"--{name}=(\S+)", instruction.text)
    assert match is not None, f"no --{name} in {instruction}"
    return match[1]


def seconds(duration: str) -> int:
    """Return the seconds of a duration that is written in seconds or minutes, as Docker and Compose take it."""
    number, unit = re.fullmatch(r"([0-9]+)([sm])", duration).groups()  # type: ignore[union-attr]
    return int(number) * {"s": 1, "m": 60}[unit]


def compose() -> dict[str, Any]:
    """Return what docker-compose.yml says."""
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())
