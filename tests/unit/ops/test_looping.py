"""Work that is done again and again."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from twisted_tasks.ops.looping import unending


@pytest.mark.parametrize("is_coroutine", [False, True])
def test_a_failure_ends_nothing(is_coroutine: bool) -> None:
    """Each failure is told of, and the work goes on at its times."""
    clock = Clock()
    complaints: list[Failure] = []
    outcomes = iter([None, ValueError("first"), None, ValueError("second"), None])
    left = 5

    def work() -> None:
        nonlocal left
        left -= 1
        if (outcome := next(outcomes)) is not None:
            raise outcome

    async def flow() -> None:
        work()

    loop = unending(flow if is_coroutine else work, complaints.append, clock)
    loop.start(1.0)
    clock.pump([1.0] * 4)
    loop.stop()
    assert left == 0
    assert [str(failure.value) for failure in complaints] == ["first", "second"]
