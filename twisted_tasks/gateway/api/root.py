"""Everything on the public port: the API, the page, the well-known files; the rest is 404."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from twisted.web.resource import getChildForRequest

from twisted_tasks.gateway.api import problems
from twisted_tasks.gateway.api.dispatch import ApiDispatcher
from twisted_tasks.gateway.api.headers import API_CSP, security
from twisted_tasks.gateway.api.problems import Problem
from twisted_tasks.gateway.api.service import Api
from twisted_tasks.gateway.api.table import KIB, Table
from twisted_tasks.ops.requests.head import RequestHead
from twisted_tasks.ops.requests.request import Fields, Request, read_path
from twisted_tasks.web.resource import CSP, WebPage

_BODY = 64 * KIB
_EXPIRES = timedelta(days=180)
"""How long security.txt is believed; RFC 9116 wants less than a year."""

ACCOUNT_PAGE = b"/#/account"
"""Where the page shows the account, with its password."""


class Root:
    """Answers every request of the public port.

    @param page: the web UI; None serves the API alone.
    """

    def __init__(self, table: Table, api: Api, page: WebPage | None) -> None:
        self._api = api
        self._page = page
        self._dispatcher = ApiDispatcher(table, api)
        self._limits = {route.template.encode(): route.limit for route in table.routes if route.limit != _BODY}
        self._files: dict[tuple[str, ...], Callable[[Request], None]] = {
            (".well-known", "security.txt"): self._security_txt,
            (".well-known", "change-password"): self._change_password,
        }

    def limit(self, head: RequestHead) -> int:
        """Return how many bytes the body of a request may have."""
        return self._limits.get(head.path, _BODY)

    def refusal(self, status: int, detail: str, head: RequestHead | None) -> tuple[Fields, bytes]:
        """Return the answer to what the HTTP layer refuses."""
        number = secrets.token_hex(8)
        kind = problems.OF_HTTP.get(status, problems.BAD_REQUEST)
        answer = Problem(kind, detail).answer(number)
        fields = [*answer.fields, (b"Content-Type", answer.media_type), (b"X-Request-Id", number.encode())]
        return [*fields, *security(API_CSP, False)], answer.body

    def handle(self, request: Request) -> None:
        """Answer a request."""
        if request.path == b"*":
            request.answer(204, [(b"Allow", b"DELETE, GET, HEAD, OPTIONS, PATCH, POST")])
            return
        try:
            segments = read_path(request.path)
        except ValueError:
            problem = Problem(problems.BAD_REQUEST, "the path is not percent-encoded UTF-8")
            self._dispatcher.refuse(request, problem)
            return
        if segments is None:
            self._dispatcher.refuse(request, Problem(problems.NOT_FOUND))
        elif segments[0] == "api":
            self._dispatcher.handle(request, segments)
        else:
            self._file(request, tuple(segments))

    def _file(self, request: Request, segments: tuple[str, ...]) -> None:
        """Answer a request for a file."""
        file = self._files.get(segments)
        page = self._page
        if file is None and (page is None or not page.has("/" + "/".join(segments))):
            why = page.missing if page is not None and segments == ("",) else None
            self._dispatcher.refuse(request, Problem(problems.NOT_FOUND, why))
        elif request.method == b"OPTIONS":
            request.answer(204, [(b"Allow", b"GET, HEAD, OPTIONS"), *self._security(request)])
        elif request.method not in (b"GET", b"HEAD"):
            allow = (b"Allow", b"GET, HEAD, OPTIONS")
            self._dispatcher.refuse(request, Problem(problems.METHOD_NOT_ALLOWED, fields=[allow]))
        elif file is not None:
            file(request)
        else:
            assert page is not None
            self._render(request, page)

    def _render(self, request: Request, page: WebPage) -> None:
        """Have the page answer, with the fields that every answer has."""
        for name, value in security(CSP, self._api.proxies.is_secure(request)):
            request.responseHeaders.setRawHeaders(name, [value])
        number = secrets.token_hex(8)
        request.responseHeaders.setRawHeaders(b"X-Request-Id", [number.encode()])
        request.for_resource()
        request.render(getChildForRequest(page, request))
        self._api.observer.answered("page", request, request.code, number)

    def _security(self, request: Request) -> Fields:
        return security(API_CSP, self._api.proxies.is_secure(request))

    def _security_txt(self, request: Request) -> None:
        contact = self._api.settings.security_contact
        if contact is None:
            self._dispatcher.refuse(request, Problem(problems.NOT_FOUND))
            return
        if "@" in contact and ":" not in contact:
            contact = f"mailto:{contact}"
        expires = datetime.fromtimestamp(self._api.wall(), UTC) + _EXPIRES
        text = f"Contact: {contact}\nExpires: {expires:%Y-%m-%dT%H:%M:%SZ}\n"
        if (url := self._api.settings.public_url) is not None:
            text += f"Canonical: {url}/.well-known/security.txt\n"
        fields = [(b"Content-Type", b"text/plain; charset=utf-8"), *self._security(request)]
        request.answer(200, fields, text.encode())

    def _change_password(self, request: Request) -> None:
        request.answer(302, [(b"Location", ACCOUNT_PAGE), *self._security(request)])
