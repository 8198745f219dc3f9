"""From a request to its answer: route, credentials, forgery, pace, query, body, handler, conditions, compression."""

from __future__ import annotations

import gzip
import secrets

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from twisted_tasks.gateway.api import credentials, negotiation, problems, query
from twisted_tasks.gateway.api.answers import JSON, Answer, Fields
from twisted_tasks.gateway.api.call import ApiCall, Caller
from twisted_tasks.gateway.api.decode import decode
from twisted_tasks.gateway.api.errors import problem_of
from twisted_tasks.gateway.api.events import MEDIA_TYPE
from twisted_tasks.gateway.api.headers import API_CSP, security
from twisted_tasks.gateway.api.problems import Problem
from twisted_tasks.gateway.api.service import Api
from twisted_tasks.gateway.api.stream import Stream
from twisted_tasks.gateway.api.table import Access, FoundRoutes, Prepared, Table
from twisted_tasks.ops.requests.request import Request

_COMPRESS_FROM = 1024
"""Bytes of a body that is worth compressing."""

EVENTS = MEDIA_TYPE.encode()

_VARY = b"Cookie, Authorization"


class ApiDispatcher:
    """Answers requests to the API.

    @param table: what there is to ask.
    """

    _log = Logger()

    def __init__(self, table: Table, api: Api) -> None:
        self._table = table
        self._api = api
        # Answers differ in little: this is made once.
        self._security = {over_tls: security(API_CSP, over_tls) for over_tls in (False, True)}

    def handle(self, request: Request, segments: list[str]) -> None:
        """Answer a request whose path has these segments."""
        number = secrets.token_hex(8)
        found = self._table.find(segments)
        if found is None:
            self._send(request, number, Problem(problems.NOT_FOUND).answer(number), "", ())
            return
        method = "GET" if request.method == b"HEAD" else request.method.decode("ascii")
        prepared = found.methods.get(method)
        if prepared is None:
            self._send(request, number, self._without_route(found, request, number), "", ())
            return
        call = ApiCall(request, prepared.route, number, found.id, self._api.proxies.client(request))
        Deferred.fromCoroutine(self._run(call, prepared)).addErrback(self._failed, call)

    def refuse(self, request: Request, problem: Problem) -> None:
        """Answer a request that is none of the API's."""
        number = secrets.token_hex(8)
        self._send(request, number, problem.answer(number), "", ())

    def _without_route(self, found: FoundRoutes, request: Request, number: str) -> Answer:
        allow = (b"Allow", found.allow)
        if request.method == b"OPTIONS":
            return Answer(204, fields=[allow])
        return Problem(problems.METHOD_NOT_ALLOWED, fields=[allow]).answer(number)

    async def _run(self, call: ApiCall, prepared: Prepared) -> None:
        """Answer a call."""
        try:
            await self._admit(call)
            self._negotiate(call)
            call.query = query.parse(call.request.head.query, prepared.parameters)
            call.body = decode(call, prepared)
            answer = self._conditional(call, await call.route.handler(self._api, call))
        except Exception as error:
            answer = self._problem(error, call).answer(call.number)
        if answer.media_type == EVENTS and call.request.method == b"GET":
            self._listen(call, answer)
        else:
            self._send(call.request, call.number, answer, call.route.template, self._varying(call, answer))

    def _failed(self, failure: Failure, call: ApiCall) -> None:
        self._log.failure("request {request} could not be answered", failure, request=call.number)
        if not call.request.is_gone:
            call.request.loseConnection()

    # What has to hold before a handler is asked.

    async def _admit(self, call: ApiCall) -> None:
        """Find out who calls. Raises Problem when they may not."""
        request, access = call.request, call.route.access
        if access is Access.PUBLIC:
            return
        call.cookie, token = credentials.read_cookie(request), credentials.read_token(request)
        if token is not None:
            if call.cookie is not None:
                raise Problem(problems.TWO_CREDENTIALS)
            await self._admit_token(call, token)
            return
        if call.route.is_unsafe:
            credentials.check_origin(request, call.cookie is not None, self._api.origin(request))
        if access is not Access.ENTRY:
            await self._admit_session(call)

    async def _admit_session(self, call: ApiCall) -> None:
        secret = call.cookie
        leaving = call.route.access is Access.LEAVING
        session = None if secret is None else await self._api.accounts.session(secret, leaving)
        if session is None or secret is None:
            raise credentials.unauthenticated(with_token=False)
        self._know(call, Caller(session.account_id, secret, session=session))

    async def _admit_token(self, call: ApiCall, secret: str) -> None:
        token = await self._api.accounts.token(secret)
        if token is None:
            raise credentials.unauthenticated(with_token=True)
        self._know(call, Caller(token.account_id, secret, token=token))
        needed = {Access.READ: "tasks:read", Access.WRITE: "tasks:write"}.get(call.route.access)
        if needed not in token.scopes:
            scope = f', scope="{needed}"' if needed else ""
            challenge = (b"WWW-Authenticate", f'Bearer error="insufficient_scope"{scope}'.encode())
            raise Problem(problems.INSUFFICIENT_SCOPE, fields=[challenge])

    def _know(self, call: ApiCall, caller: Caller) -> None:
        """Count a call of this caller, and keep in the call who it is. Raise Problem when they call too often."""
        call.known = caller
        call.pace, wait = self._api.pace.count(caller.account_id)
        if wait is not None:
            raise Problem(problems.TOO_MANY_REQUESTS, retry_after=wait)

    def _negotiate(self, call: ApiCall) -> None:
        route = call.route
        if route.answer is not None and not negotiation.accepts(call.request.field(b"accept"), route.media_type):
            raise Problem(problems.NOT_ACCEPTABLE, f"the answer is {route.media_type}")

    def _problem(self, error: Exception, call: ApiCall) -> Problem:
        problem = problem_of(error, self._api.service_works)
        if problem is None:
            self._log.failure("request {request} met a bug", Failure(error), request=call.number)
            return Problem(problems.INTERNAL_ERROR)
        if problem.kind.status >= 500:
            self._api.observer.failed(problem, error, call.number)
        return problem

    # What becomes of an answer.

    def _conditional(self, call: ApiCall, answer: Answer) -> Answer:
        """Compress an answer, and return 304 in its place when the client has it already."""
        if answer.etag is None:
            return answer
        compressed = (
            answer.compressible
            and len(answer.body) >= _COMPRESS_FROM
            and negotiation.accepts_gzip(call.request.field(b"accept-encoding"))
        )
        # The same content in another coding is another representation: RFC 9110, section 8.8.3.3.
        tag = f"{answer.etag}-gzip" if compressed else answer.etag
        fields = [*answer.fields, (b"ETag", b'"%s"' % tag.encode())]
        if not call.route.is_unsafe:
            known = call.if_none_match()
            if known is not None and (known.matches_weakly(tag) or known.matches_weakly(answer.etag)):
                return Answer(304, fields=fields, compressible=answer.compressible)
        if compressed:
            body = gzip.compress(answer.body, compresslevel=1, mtime=0)
            return answer._replace(body=body, fields=[*fields, (b"Content-Encoding", b"gzip")])
        return answer._replace(fields=fields)

    def _varying(self, call: ApiCall, answer: Answer) -> Fields:
        """Return the fields of an answer that say whose it is and for how long it holds."""
        if call.route.access is Access.PUBLIC:
            vary, kept = b"", b"public, no-cache"
        else:
            vary, kept = _VARY, b"private, no-cache"
        if answer.compressible:
            vary = vary + b", Accept-Encoding" if vary else b"Accept-Encoding"
        fields = [*call.pace]
        if vary:
            fields.append((b"Vary", vary))
        if not any(name == b"Cache-Control" for name, _ in answer.fields):
            fields.append((b"Cache-Control", kept))
        return fields

    def _listen(self, call: ApiCall, answer: Answer) -> None:
        if call.request.is_gone:
            return
        stream = Stream(call.request, call.caller)
        content_type = (b"Content-Type", answer.media_type)
        fields = [
            content_type,
            *answer.fields,
            *self._varying(call, answer),
            *self._common(call.request, call.number),
        ]
        self._api.observer.answered(call.route.template, call.request, 200, call.number)
        stream.start(fields)
        self._api.hub.open(stream, (call.request.field(b"last-event-id") or b"").decode("ascii"), answer.sync)

    def _send(self, request: Request, number: str, answer: Answer, template: str, more: Fields) -> None:
        fields = [*answer.fields, *more, *self._common(request, number)]
        if answer.body or answer.media_type != JSON:
            fields.append((b"Content-Type", answer.media_type))
        self._api.observer.answered(template, request, answer.status, number)
        request.answer(answer.status, fields, answer.body)

    def _common(self, request: Request, number: str) -> Fields:
        over_tls = self._api.proxies.is_secure(request)
        return [(b"X-Request-Id", number.encode()), *self._security[over_tls]]
