"""Settings of a daemon, from options and environment variables.

A daemon brings a table, one row (`Setting`) for each setting. The command line, the environment, the help text and the
documentation all follow from it. An option goes before an environment variable. An environment variable that is empty
counts as not set, since that is how Compose files pass what was left out. Knows no Twisted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class ConfigError(ValueError):
    """A setting that makes no sense. One line that names it by the option or variable it came from."""


@dataclass(frozen=True)
class Setting:
    """One thing that can be set.

    @ivar option: the option's name, without the dashes.
    @ivar variables: the environment variables it may come from; the first one that is set counts.
    @ivar parse: takes the text; gives the value, or raises ValueError with what is wrong about it.
    @ivar default: how the default reads in the help text and the documentation.
    @ivar help: one sentence.
    @ivar repeatable: whether the option can be given several times; its variable then holds a list, parted by spaces.
    """

    option: str
    variables: tuple[str, ...]
    parse: Callable[[str], Any]
    default: str
    help: str
    repeatable: bool = False

    def usage(self) -> str:
        """Return the text that `--help` shows."""
        return f"{self.help} [default: {self.default}; {', '.join(self.variables)}]"


Options = Mapping[str, "str | Sequence[str] | None"]
"""By option name, the text given on the command line (a sequence of texts where repeatable), or None."""


class Given:
    """The settings of a table that somebody gave, parsed, with the name each came by.

    @ivar source: by option name, `--option` or the variable it came from.
    @raise ConfigError: for the first one that makes no sense.
    """

    def __init__(self, table: Iterable[Setting], options: Options, environment: Mapping[str, str]) -> None:
        self._rows = {setting.option: setting for setting in table}
        self._values: dict[str, Any] = {}
        self.source: dict[str, str] = {}
        for setting in self._rows.values():
            source, text = _find(setting, options, environment)
            if source is not None:
                self._values[setting.option] = _parse(setting, source, text)
                self.source[setting.option] = source

    def __contains__(self, option: str) -> bool:
        return option in self._values

    def typed(self, option: str) -> bool:
        """Return whether it was given on the command line."""
        return self.source.get(option, "").startswith("--")

    def chosen(self, option: str) -> Any:
        """Return the value given, or None."""
        return self._values.get(option)

    def get(self, option: str) -> Any:
        """Return the value given, or the default."""
        if option in self._values:
            return self._values[option]
        setting = self._rows[option]
        return setting.parse(setting.default)

    def together(self, one: str, other: str) -> None:
        """Raise ConfigError if both of two settings that contradict each other were given."""
        if one in self and other in self:
            raise ConfigError(f"{self.source[one]} and {self.source[other]} cannot be given together")


def _find(setting: Setting, options: Options, environment: Mapping[str, str]) -> tuple[str | None, Any]:
    typed = options.get(setting.option)
    if typed is not None and not (setting.repeatable and not typed):
        return f"--{setting.option}", typed
    for variable in setting.variables:
        text = environment.get(variable, "")
        # Docker's links and Kubernetes set NAME_PORT to a URL, of a service that somebody else listens for.
        if text and not (variable.endswith("_PORT") and text.startswith("tcp://")):
            return variable, (text.split() or [""]) if setting.repeatable else text
    return None, None


def _parse(setting: Setting, source: str, text: Any) -> Any:
    # White space at the ends comes with Compose files, quotes and `echo`, and is never meant.
    try:
        if setting.repeatable:
            return tuple(setting.parse(part.strip()) for part in text)
        return setting.parse(text.strip())
    except ValueError as error:
        raise ConfigError(f"{source}: {error}") from None
