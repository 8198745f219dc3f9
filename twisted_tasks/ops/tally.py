"""Metrics of several processes -> one: counters and histograms add up, gauges too unless that makes no sense."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from prometheus_client.core import Metric

Plain: TypeAlias = list[list[Any]]
"""Families as JSON has them: [name, help, type, [[sample's name, {label: value}, number], ...]]."""

_Key: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]


def to_plain(families: Iterable[Metric]) -> Plain:
    """Return families in plain form."""
    return [
        [
            family.name,
            family.documentation,
            family.type,
            [[sample.name, dict(sample.labels), sample.value] for sample in family.samples],
        ]
        for family in families
    ]


class Tally:
    """Adds families up.

    @param maxima: names of the gauges of which the greatest counts; the others add up.
    """

    def __init__(self, maxima: Iterable[str] = ()) -> None:
        self._maxima = frozenset(maxima)
        self._families: dict[str, tuple[str, str]] = {}
        self._values: dict[str, dict[_Key, float]] = {}

    def add(self, families: Plain, *, ended: bool = False) -> None:
        """Count families in; of a process that has `ended`, only what it had counted, not how it was."""
        for name, documentation, kind, samples in families:
            if ended and kind == "gauge":
                continue
            self._families[name] = (documentation, kind)
            values = self._values.setdefault(name, {})
            for sample, labels, value in samples:
                key = (sample, tuple(labels.items()))
                if name in self._maxima:
                    values[key] = max(value, values.get(key, value))
                else:
                    values[key] = values.get(key, 0.0) + value

    def copy(self) -> Tally:
        """Return another one that begins with what this one has."""
        copy = Tally(self._maxima)
        copy._families = dict(self._families)
        copy._values = {name: dict(values) for name, values in self._values.items()}
        return copy

    def families(self) -> list[Metric]:
        """Return the sums."""
        found = []
        for name, (documentation, kind) in self._families.items():
            family = Metric(name, documentation, kind)
            for (sample, labels), value in self._values[name].items():
                family.add_sample(sample, dict(labels), value)
            found.append(family)
        return found
