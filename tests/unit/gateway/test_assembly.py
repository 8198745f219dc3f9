"""How the gateway is put together."""

from __future__ import annotations

import pytest

from twisted_tasks.gateway.assembly import hashing_threads
from twisted_tasks.ops.values import AUTO


@pytest.mark.parametrize(
    ("workers", "processors", "threads"),
    [(1, 8, 8), (2, 8, 4), (3, 8, 2), (8, 8, 1), (16, 8, 1), (AUTO, 8, 1), (1, 1, 1), (2, 1, 1)],
)
def test_hashing_threads(workers: int, processors: int, threads: int) -> None:
    """All workers together hash as many passwords at once as there are processors; each of them hashes one at least."""
    assert hashing_threads(workers, processors) == threads
