"""Which servers a `mongodb+srv` name stands for: the Initial DNS Seedlist Discovery specification, without a thread.

The SRV records of `_mongodb._tcp.NAME` list the servers; one TXT record of NAME may add authSource and replicaSet.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.names import dns
from twisted.names.error import DNSNameError

from twisted_tasks.mongo.backoff import BACKOFF_FIRST, BACKOFF_LONGEST, Backoff, Jitter
from twisted_tasks.mongo.causes import Causes
from twisted_tasks.mongo.client import Client
from twisted_tasks.mongo.options import Address, MongoConfig, SrvName
from twisted_tasks.mongo.reply import Misconfigured, MongoError, NotConnected
from twisted_tasks.mongo.uri import with_text_record

_TIMEOUTS = (1, 2, 2)  # seconds, one for each time a query is sent
_AGAIN_SECONDS = 60.0
"""Pause between two looks at SRV records: what their specification asks for at least."""


async def keep_finding_servers(
    client: Client, resolver: Any, clock: IReactorTime, jitter: Jitter, causes: Causes
) -> None:
    """Start a client with the servers its SRV name stands for, and look again when it has no connection for a while.

    @param resolver: an IResolver (twisted.names).
    @param causes: told why the records cannot be looked up.
    """
    backoff = Backoff(BACKOFF_FIRST, BACKOFF_LONGEST, jitter)
    started = False
    while True:
        try:
            found = await find_servers(client.config, resolver)
        except MongoError as error:
            causes.note(error)
            client.pool.hopeless(error)
            await deferLater(clock, backoff.failed())
            continue
        backoff.worked()
        if started:
            client.topology.look_at(found.seeds)
        else:
            client.start(found)
        started = True
        await deferLater(clock, _AGAIN_SECONDS)
        while client.pool.checkout.ready:
            await deferLater(clock, _AGAIN_SECONDS)


async def find_servers(config: MongoConfig, resolver: Any) -> MongoConfig:
    """Return the config with the servers its SRV name stands for.

    @param resolver: an IResolver (twisted.names).
    @raise NotConnected: nobody answered, or nothing is known by that name yet.
    @raise Misconfigured: the records break the rules.
    """
    assert config.srv is not None
    name = config.srv
    text = await _text(name, resolver)
    seeds = await _seeds(name, resolver)
    if text:
        try:
            config = with_text_record(config, text)
        except ValueError as error:
            raise Misconfigured(str(error)) from None
    return replace(config, seeds=seeds)


async def _seeds(name: SrvName, resolver: Any) -> tuple[Address, ...]:
    question = f"_{name.service}._tcp.{name.host}"
    try:
        answers, _, _ = await resolver.lookupService(question, timeout=_TIMEOUTS)
    except CancelledError:
        raise
    except Exception as error:  # there are many ways to fail, and resolvers to do so
        raise NotConnected(f"the SRV records of {question} cannot be looked up: {type(error).__name__}") from None
    found = [answer.payload for answer in answers if answer.type == dns.SRV]
    seeds = [Address(str(record.target).rstrip(".").lower(), record.port) for record in found]
    if not seeds:
        raise NotConnected(f"there are no SRV records of {question}")
    domain = _domain(name.host)
    for seed in seeds:
        # Who can forge an answer of the name server must not be able to send us, and our password, anywhere.
        if not seed.host.endswith(domain) or seed.host == domain:
            raise Misconfigured(f"the SRV records of {question} name {seed.host}, which is not within {domain[1:]}")
    if 0 < name.max_hosts < len(seeds):
        seeds = random.sample(seeds, name.max_hosts)
    return tuple(seeds)


def _domain(host: str) -> str:
    """Return what the servers' names have to end in: the name less its first label, if it has three or more."""
    labels = host.split(".")
    return "." + ".".join(labels[1:] if len(labels) > 2 else labels)


async def _text(name: SrvName, resolver: Any) -> str:
    try:
        answers, _, _ = await resolver.lookupText(name.host, timeout=_TIMEOUTS)
    except DNSNameError:
        return ""
    except CancelledError:
        raise
    except Exception as error:
        raise NotConnected(f"the TXT record of {name.host} cannot be looked up: {type(error).__name__}") from None
    found = [answer.payload for answer in answers if answer.type == dns.TXT]
    if len(found) > 1:
        raise Misconfigured(f"there is more than one TXT record of {name.host}")
    return "".join(part.decode("ascii", "replace") for record in found for part in record.data)
