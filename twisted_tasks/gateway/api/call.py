"""One request to the API, as a handler sees it."""

from __future__ import annotations

from typing import Any, NamedTuple

from twisted_tasks.gateway.accounts.model import Session, Token
from twisted_tasks.gateway.api.answers import Fields
from twisted_tasks.gateway.api.conditional import Tags, read_if_match, read_if_none_match
from twisted_tasks.gateway.api.table import Route
from twisted_tasks.ops.requests.request import Request


class Caller(NamedTuple):
    """Who asks, by a session or by a token.

    @ivar secret: what they showed.
    """

    account_id: str
    secret: str
    session: Session | None = None
    token: Token | None = None


class ApiCall:
    """A request that matched a route.

    @ivar number: the request's id, for people who compare an answer with the log.
    @ivar id: what stands in the place of `{id}`.
    @ivar query: the parameters that were given, parsed.
    @ivar body: decoded and checked; None when there is none.
    @ivar known: who asks; None where nobody has to be known.
    @ivar pace: the fields of the answer that say how often they may ask.
    @ivar cookie: the session's secret that came along, good or not.
    @ivar address: where the request came from, behind proxies that are trusted.
    """

    body: Any = None

    def __init__(self, request: Request, route: Route, number: str, id: str, address: str) -> None:
        self.request = request
        self.route = route
        self.number = number
        self.id = id
        self.address = address
        self.query: dict[str, Any] = {}
        self.cookie: str | None = None
        self.known: Caller | None = None
        self.pace: Fields = ()

    @property
    def caller(self) -> Caller:
        """Who asks, on a route that is for those who are known."""
        assert self.known is not None
        return self.known

    @property
    def account_id(self) -> str:
        """Whose request it is."""
        return self.caller.account_id

    @property
    def user_agent(self) -> str:
        """What the client calls itself."""
        return (self.request.field(b"user-agent") or b"").decode("utf-8", "replace")

    def if_match(self) -> Tags | None:
        """Return which versions the change is for; None is any. Raises Problem."""
        return read_if_match(self.request.field(b"if-match"))

    def if_none_match(self) -> Tags | None:
        """Return which versions the client has."""
        return read_if_none_match(self.request.field(b"if-none-match"))
