"""Which server is the primary, found out and kept up to date.

Each known member of the set has a `Watch`: one connection of its own, on which `hello` is asked with
`topologyVersion` and `maxAwaitTimeMS`, so that the server answers at once when its state changes, and otherwise every
few seconds. What the members say comes together in `Topology`. The rules are those of MongoDB's Server Discovery and
Monitoring specification, as far as somebody needs them who only ever talks to the primary:

- the list of members is what a primary says; as long as there is none, whoever else is named is asked as well;
- of two that both call themselves primary, the one that was elected later is;
- silence of a primary does not make it less of one. A set finds out by itself, and another member says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from twisted_tasks.mongo.backoff import Jitter
from twisted_tasks.mongo.dialer import Dialer
from twisted_tasks.mongo.options import Address, read_address
from twisted_tasks.mongo.reply import Misconfigured, MongoError
from twisted_tasks.mongo.watch import Watch

_ELECTION_FIRST_WIRE_VERSION = 17  # MongoDB 6.0: from there the election's id counts before the configuration's version


class Listener:
    """Who wants to know. The methods do nothing; override them."""

    def primary_is(self, address: Address | None) -> None:
        """There is another primary than before, or none."""

    def primary_silent(self) -> None:
        """The primary does not answer; it still is the primary as far as anybody knows."""

    def primary_answers(self) -> None:
        """The primary answers, after it was silent or is new."""

    def hopeless(self, error: Misconfigured) -> None:
        """What was set up can never work."""

    def first_round_over(self) -> None:
        """Every seed has been tried once."""


class Topology:
    """Watches the servers, and tells `listener` who is primary.

    @ivar primary: the server that is primary, as far as is known.
    @ivar silence: why each server that is of no use at the moment is not.
    """

    _log = Logger()

    def __init__(self, dialer: Dialer, clock: IReactorTime, jitter: Jitter, listener: Listener) -> None:
        self.primary: Address | None = None
        self.silence: dict[Address, MongoError] = {}
        self._seeds: Sequence[Address] = ()
        self._direct = False
        self._replica_set: str | None = None
        self._dialer = dialer
        self._clock = clock
        self._jitter = jitter
        self._listener = listener
        self._watches: dict[Address, Watch] = {}
        self._election: tuple[Any, ...] | None = None
        self._untried: set[Address] = set()
        self._first_round_over = False

    def start(self, seeds: Sequence[Address], direct: bool, replica_set: str | None) -> None:
        """Start to watch.

        @param seeds: servers to ask first.
        @param direct: take the one seed as it is, and do not look for others.
        @param replica_set: the name the set must have, or None.
        """
        self._seeds, self._direct, self._replica_set = seeds, direct, replica_set
        self.look_at(seeds)

    def look_at(self, addresses: Sequence[Address]) -> None:
        """Watch these servers too."""
        for address in addresses:
            self._watch(address)

    def stop(self) -> None:
        """Stop watching."""
        watches, self._watches = self._watches, {}
        for watch in watches.values():
            watch.stop()

    def heard(self, address: Address, hello: Mapping[str, Any]) -> None:
        """Take in what a server said to `hello`, on a connection of whomever's."""
        if address not in self._watches:
            return
        try:
            self._judge(address, hello)
        except Misconfigured as error:
            self._demote(address)
            self.unheard(address, error)
            return
        if self.silence.pop(address, None) is not None:
            self._log.info("the MongoDB server {address} is of use again", address=str(address))
        self._tried(address)

    def unheard(self, address: Address, error: MongoError) -> None:
        """Take in that a server could not be asked, or is not what was asked for."""
        if address not in self._watches:
            return
        if address not in self.silence:
            where = str(address)
            self._log.warn("the MongoDB server {address} is of no use: {error}", address=where, error=str(error))
        self.silence[address] = error
        if address == self.primary:
            self._listener.primary_silent()
        if self.silence.keys() == self._watches.keys():
            self._nobody_is_left()
        self._tried(address)

    def _nobody_is_left(self) -> None:
        self._election = None  # what comes back may be a set made anew, which counts its elections from one
        for error in self.silence.values():
            if isinstance(error, Misconfigured):
                self._listener.hopeless(error)

    def _tried(self, address: Address) -> None:
        self._untried.discard(address)
        if not self._untried and not self._first_round_over:
            self._first_round_over = True
            self._listener.first_round_over()

    def _judge(self, address: Address, hello: Mapping[str, Any]) -> None:
        set_name = hello.get("setName")
        if self._replica_set is not None and set_name != self._replica_set:
            belongs = f"belongs to replica set {set_name}" if set_name else "is in no replica set"
            raise Misconfigured(f"the MongoDB server {address} {belongs}, and {self._replica_set} was asked for")
        writable = bool(hello.get("isWritablePrimary", hello.get("ismaster")))
        if set_name is None or self._direct:
            self._judge_single(address, hello, writable)
        elif writable:
            self._judge_primary(address, hello)
        else:
            self._judge_other(address, hello)

    def _judge_single(self, address: Address, hello: Mapping[str, Any], writable: bool) -> None:
        """A server that is no member of a set (one by itself, or a router), or is to be taken as it is."""
        if not writable:
            self._demote(address)
        elif len(self._seeds) > 1 and hello.get("msg") != "isdbgrid":
            raise Misconfigured(f"the MongoDB server {address} is in no replica set, and others were named beside it")
        elif self.primary is None or self.primary == address or self.primary in self.silence:
            self._set_primary(address)

    def _judge_primary(self, address: Address, hello: Mapping[str, Any]) -> None:
        election = _election(hello)
        if election is not None:
            if self._election is not None and election[0] == self._election[0] and election < self._election:
                self._demote(address)  # it has not heard yet that another was elected
                return
            self._election = election
        members = _members(hello) or [address]
        for member in members:
            self._watch(member)
        for known in list(self._watches):
            if known not in members:
                self._forget(known)
        if address in members:  # else it goes by another name in the set, and will be found by that
            self._set_primary(address)

    def _judge_other(self, address: Address, hello: Mapping[str, Any]) -> None:
        self._demote(address)
        if self.primary is None:
            for member in _members(hello):
                self._watch(member)

    def _demote(self, address: Address) -> None:
        if self.primary == address:
            self._set_primary(None)

    def _set_primary(self, address: Address | None) -> None:
        if address == self.primary:
            if address is not None:
                self._listener.primary_answers()
            return
        self.primary = address
        if address is None:
            self._log.warn("MongoDB has no primary")
        else:
            self._log.info("the MongoDB primary is {address}", address=str(address))
        self._listener.primary_is(address)

    def _watch(self, address: Address) -> None:
        if address not in self._watches:
            if not self._first_round_over:
                self._untried.add(address)
            watch = Watch(address, self._dialer, self._clock, self._jitter, self)
            self._watches[address] = watch
            watch.start()

    def _forget(self, address: Address) -> None:
        self._watches.pop(address).stop()
        self.silence.pop(address, None)
        self._demote(address)
        self._untried.discard(address)


def _members(hello: Mapping[str, Any]) -> list[Address]:
    """Return the members that could be primary: not arbiters, which hold no data."""
    return [read_address(name) for kind in ("hosts", "passives") for name in hello.get(kind) or []]


def _election(hello: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Return what says which of two primaries of one set was elected later; compare only equal first items."""
    election, version = hello.get("electionId"), hello.get("setVersion")
    if election is None or version is None:
        return None
    newer_rule = int(hello.get("maxWireVersion", 0)) >= _ELECTION_FIRST_WIRE_VERSION
    return (True, election, version) if newer_rule else (False, version, election)
