"""For programs that call the service: `TasksClient`, and what it returns. docs/client.md shows its use.

The errors are in `twisted_tasks.client.errors`. The names below are looked up when they are asked for, so that
`healthcheck`, which is started every few seconds, need not import Twisted.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twisted_tasks.client.endpoints import tls_options
    from twisted_tasks.client.service import Health, Page, TasksClient
    from twisted_tasks.model import Task

__all__ = ["Health", "Page", "Task", "TasksClient", "tls_options"]

_HOMES = {
    "Health": "twisted_tasks.client.service",
    "Page": "twisted_tasks.client.service",
    "Task": "twisted_tasks.model",
    "TasksClient": "twisted_tasks.client.service",
    "tls_options": "twisted_tasks.client.endpoints",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
