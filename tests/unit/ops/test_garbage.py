"""What the garbage collector is told at the start."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from twisted_tasks.ops.tuning import spare_garbage_collector


@pytest.fixture
def collector() -> Iterator[None]:
    """Set the collector back afterwards."""
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


class Node:
    """Something that can be part of a cycle."""

    def __init__(self) -> None:
        self.itself = self


def test_what_is_there_is_left_out(collector: None) -> None:
    """What there is at the start is not looked through again; what becomes garbage later is still found."""
    spare_garbage_collector()
    assert gc.get_freeze_count() > len(gc.get_objects())
    lost = weakref.ref(Node())
    gc.collect()
    assert lost() is None
