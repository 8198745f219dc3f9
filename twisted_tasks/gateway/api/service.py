"""What handlers work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from twisted_tasks.client.service import TasksClient
from twisted_tasks.gateway.accounts.service import Accounts
from twisted_tasks.gateway.api.creation import Creation
from twisted_tasks.gateway.api.hub import Hub
from twisted_tasks.gateway.api.pace import Pace
from twisted_tasks.gateway.api.problems import Problem
from twisted_tasks.gateway.api.proxies import Proxies
from twisted_tasks.ops.requests.request import Request


@dataclass(frozen=True)
class ApiSettings:
    """What an operator decides about the API.

    @ivar public_url: where people find this gateway: scheme and host; None is what each request says.
    @ivar session_lifetime: seconds after which a browser may forget a session's cookie.
    @ivar require_if_match: whether a change has to say which version it is for.
    @ivar rate_limit: requests of an account in a minute; 0 is no limit.
    @ivar security_contact: for /.well-known/security.txt; None is no such file.
    """

    public_url: str | None = None
    session_lifetime: float = 30 * 86400.0
    require_if_match: bool = False
    rate_limit: int = 300
    security_contact: str | None = None


class Observer(Protocol):
    """Told of every answer."""

    def answered(self, template: str, request: Request, status: int, number: str) -> None:
        """Called when a request is answered.

        @param template: the route's; empty when there is none.
        @param number: the request's id.
        """

    def failed(self, problem: Problem, error: Exception, number: str) -> None:
        """Called when a request fails for no fault of the client's."""


class Api:
    """What handlers work with.

    @param clock: monotonic.
    @param wall: tells the time of day, in seconds since 1970.
    @param service_works: tells whether the Tasks service worked when last looked at.
    """

    def __init__(
        self,
        accounts: Accounts,
        tasks: TasksClient,
        settings: ApiSettings,
        clock: IReactorTime,
        wall: Callable[[], float],
        proxies: Proxies,
        service_works: Callable[[], bool],
        observer: Observer,
    ) -> None:
        self.accounts = accounts
        self.tasks = tasks
        self.settings = settings
        self.clock = clock
        self.wall = wall
        self.proxies = proxies
        self.service_works = service_works
        self.observer = observer
        self.pace = Pace(settings.rate_limit, clock)
        self.creation = Creation(accounts, tasks, clock)
        self.hub = Hub(tasks, accounts, clock)
        self.wrote = self.hub.wrote

    def origin(self, request: Request) -> bytes:
        """Return the origin of our own pages, as a browser names it."""
        if self.settings.public_url is not None:
            return self.settings.public_url.encode()
        scheme = b"https" if self.proxies.is_secure(request) else b"http"
        return scheme + b"://" + request.head.host
