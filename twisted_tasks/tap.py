"""Where applications that embed the Tasks service import it from; the README shows how."""

from __future__ import annotations

from twisted_tasks.service.tap import Options, makeService

__all__ = ["Options", "makeService"]
