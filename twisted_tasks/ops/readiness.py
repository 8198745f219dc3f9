"""Whether calls should come to this daemon: the probe's last result, until the daemon begins to stop."""

from __future__ import annotations

from collections.abc import Callable


class Readiness:
    """Answers load balancers, `check()` and whoever started the daemon. Never waits.

    @param health: returns at once (whether the backend works, a sentence).
    """

    def __init__(self, health: Callable[[], tuple[bool, str]]) -> None:
        self._health = health
        self.stopping = False

    def health(self) -> tuple[bool, str]:
        """Return whether calls should come here, and a sentence that says why not."""
        if self.stopping:
            return False, "the service is stopping"
        return self._health()
