"""What can go wrong with a gateway, beside `client.errors`."""

from __future__ import annotations

from twisted_tasks.client.errors import TaskError


class NotLoggedIn(TaskError):
    """The gateway does not take the token."""

    code = 401
