"""Adds up the metrics of several processes: counters, histograms and, unless that makes no sense, gauges."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from prometheus_client.core import Metric

Plain: TypeAlias = list[list[Any]]
"""Families in the form that JSON has: [name, help, type, [[sample's name, {label: value}, number], ...]]."""

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

    @param maxima: names of the gauges of which the greatest value counts.
    """

    def __init__(self, maxima: Iterable[str] = ()) -> None:
        self._maxima = frozenset(maxima)
        self._families: dict[str, tuple[str, str]] = {}
        self._values: dict[str, dict[_Key, float]] = {}

    def add(self, families: Plain, *, ended: bool = False) -> None:
        """Add families. Of a process that has `ended` gauges are left out: they say how it was, and not what it did."""
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
        """Return a copy."""
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
