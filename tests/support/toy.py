"""A daemon built on `ops` alone: answers GET /x with x, after `--greeting`; /wait not before there is a file "go"."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import deferLater

from twisted_tasks.ops import values
from twisted_tasks.ops.assembly import Assembly
from twisted_tasks.ops.daemon_settings import DaemonSettings, daemon_settings, listen_rows, process_rows
from twisted_tasks.ops.metrics import counter
from twisted_tasks.ops.options import DaemonOptions
from twisted_tasks.ops.program import Context, Parts, Program
from twisted_tasks.ops.requests.request import Request
from twisted_tasks.ops.requests.site import Site
from twisted_tasks.ops.settings import Given, Setting
from twisted_tasks.ops.twistd import makeService

__all__ = ["Options", "makeService"]

GREETING = Setting("greeting", ("TOY_ECHO_GREETING",), values.text, "you said", "What goes before each answer.")
TABLE = (*listen_rows("TOY_ECHO", port="7007"), GREETING, *process_rows("TOY_ECHO"))


@dataclass(frozen=True, kw_only=True)
class Settings(DaemonSettings):
    greeting: str


def load(options: Any, environment: Any) -> Settings:
    given = Given(TABLE, options, environment)
    return Settings(**vars(daemon_settings(given)), greeting=given.get("greeting"))


class Backend:
    """What the daemon works with: nothing, here."""

    def open(self) -> Deferred[None]:
        return succeed(None)

    def ping(self, deadline: float) -> Deferred[None]:
        return succeed(None)

    close = open


def assemble(settings: Settings, context: Context) -> Parts:
    assembly = Assembly(settings, context)
    assembly.watch(Backend(), "the echo")
    asked: list[str] = []

    async def answer(request: Request) -> None:
        asked.append(request.path.decode().removeprefix("/"))
        while request.path == b"/wait" and not Path("go").exists():
            await deferLater(context.clock, 0.05)
        request.answer(200, [], f"{settings.greeting} {request.path.decode().removeprefix('/')}\n".encode())

    server = Site(
        lambda request: Deferred.fromCoroutine(answer(request)).addErrback(lambda _: request.answer(500, [], b"")),
        context.clock,
    )
    assembly.collect(lambda: [counter("toy_requests", "Requests that came.", [], {(): len(asked)})])
    return assembly.finish(server, lambda: iter([f"{server.in_flight} requests are being answered"]))


async def check(settings: Settings, reactor: Any, clock: Any) -> str:
    return f"answers begin with {settings.greeting!r}"


class Options(DaemonOptions):
    program = Program("toy-echo", "Says back what it is asked.", TABLE, load, assemble, check)
