"""Logging in to MongoDB: SCRAM-SHA-256, SCRAM-SHA-1 and X.509.

The conversations of RFC 5802 and RFC 7677 (SCRAM) as MongoDB's authentication specification has them. This module knows
no connection: `login` is given a function that sends a command and brings its reply.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Mapping
from secrets import token_bytes
from typing import Any

from bson import Binary
from pymongo.saslprep import saslprep

from twisted_tasks.mongo.options import MongoCredentials
from twisted_tasks.mongo.reply import CommandFailed, LoginFailed

_Run = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
"""Sends a command to a database; brings the reply, or raises CommandFailed when it says that it failed."""

_HASHES = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256"}
_MIN_ITERATIONS = 4096  # what both RFCs ask for; fewer is a server that wants to learn the password
_MAX_ITERATIONS = 1_000_000  # about a second of work: a server must not be able to stop the reactor for longer
# UserNotFound, Unauthorized, AuthenticationFailed, MechanismUnavailable: waiting mends none of these.
_REFUSED = frozenset({11, 13, 18, 334})


class Login:
    """Logs connections in as one user.

    Deriving SCRAM's keys from a password takes milliseconds by design, and all servers of a set know one salt per user:
    the keys are kept, so that it is done once and not for every connection.
    """

    def __init__(self, credentials: MongoCredentials) -> None:
        self.credentials = credentials
        self._keys: dict[tuple[str, bytes, int], tuple[bytes, bytes]] = {}

    @property
    def source(self) -> str:
        """The database that knows the user."""
        return self.credentials.source or "admin"

    @property
    def negotiate(self) -> str | None:
        """What to ask a server's mechanisms for in `hello`, or None when there is no choice."""
        if self.credentials.mechanism != "DEFAULT":
            return None
        return f"{self.source}.{self.credentials.username}"

    async def login(self, run: _Run, hello: Mapping[str, Any]) -> None:
        """Log one connection in.

        @param hello: the server's reply to `hello`, asked with `negotiate`.
        @raise LoginFailed: the server refuses, or does not itself know the password.
        """
        try:
            if self.credentials.mechanism == "MONGODB-X509":
                await self._x509(run)
            else:
                await self._scram(run, self._mechanism(hello))
        except CommandFailed as error:
            if error.code in _REFUSED:
                raise LoginFailed(f"MongoDB refused {self}: {error.message}") from None
            raise

    def __str__(self) -> str:
        who = f"user {self.credentials.username}" if self.credentials.username else "the certificate's user"
        return f"the login of {who} on database {self.source}"

    def _mechanism(self, hello: Mapping[str, Any]) -> str:
        if self.credentials.mechanism != "DEFAULT":
            return self.credentials.mechanism
        offered = hello.get("saslSupportedMechs") or ["SCRAM-SHA-256"]  # none: no such user, as will be seen
        return "SCRAM-SHA-256" if "SCRAM-SHA-256" in offered else "SCRAM-SHA-1"

    async def _x509(self, run: _Run) -> None:
        command: dict[str, Any] = {"authenticate": 1, "mechanism": "MONGODB-X509"}
        if self.credentials.username:
            command["user"] = self.credentials.username
        await run("$external", command)

    async def _scram(self, run: _Run, mechanism: str) -> None:
        scram = Scram(mechanism, self.credentials.username or "", self.credentials.password or "", self._keys)
        reply = await run(
            self.source,
            {
                "saslStart": 1,
                "mechanism": mechanism,
                "payload": Binary(scram.first()),
                "options": {"skipEmptyExchange": True},
            },
        )
        reply = await self._go_on(run, reply, scram.final(bytes(reply["payload"])))
        scram.verify(bytes(reply["payload"]))
        while not reply.get("done"):
            reply = await self._go_on(run, reply, b"")

    async def _go_on(self, run: _Run, reply: Mapping[str, Any], payload: bytes) -> dict[str, Any]:
        conversation = reply["conversationId"]
        return await run(self.source, {"saslContinue": 1, "conversationId": conversation, "payload": Binary(payload)})


class Scram:
    """The client's side of one SCRAM conversation: `first`, then `final`, then `verify`."""

    def __init__(
        self,
        mechanism: str,
        username: str,
        password: str,
        keys: dict[tuple[str, bytes, int], tuple[bytes, bytes]],
        nonce: str | None = None,
    ) -> None:
        """Start a conversation; `keys` remembers derived keys between conversations of one user."""
        self._mechanism = mechanism
        self._hash = _HASHES[mechanism]
        self._user = username.replace("=", "=3D").replace(",", "=2C")
        self._secret = _secret(mechanism, username, password)
        self._nonce = nonce or b64encode(token_bytes(24)).decode()
        self._keys = keys
        self._bare = f"n={self._user},r={self._nonce}"
        self._signature = b""

    def first(self) -> bytes:
        """Return the client's first message."""
        return f"n,,{self._bare}".encode()

    def final(self, challenge: bytes) -> bytes:
        """Return the client's last message, which proves that it knows the password."""
        try:
            parts = _parts(challenge)
            nonce, salt, iterations = parts["r"], b64decode(parts["s"], validate=True), int(parts["i"])
        except (KeyError, ValueError):
            raise LoginFailed("MongoDB's answer to a login is no SCRAM challenge") from None
        if not nonce.startswith(self._nonce) or not _MIN_ITERATIONS <= iterations <= _MAX_ITERATIONS:
            raise LoginFailed("MongoDB's answer to a login is no sound SCRAM challenge")
        client_key, server_key = self._derive(salt, iterations)
        without_proof = f"c=biws,r={nonce}"
        message = ",".join((self._bare, challenge.decode(), without_proof)).encode()
        stored_key = hashlib.new(self._hash, client_key).digest()
        proof = bytes(a ^ b for a, b in zip(client_key, self._hmac(stored_key, message), strict=True))
        self._signature = self._hmac(server_key, message)
        return f"{without_proof},p={b64encode(proof).decode()}".encode()

    def verify(self, answer: bytes) -> None:
        """Check the server's last message, which proves that it knows the password too; raise LoginFailed if not."""
        try:
            signature = b64decode(_parts(answer)["v"])
        except (KeyError, ValueError):
            signature = b""
        if not self._signature or not hmac.compare_digest(signature, self._signature):
            raise LoginFailed("the MongoDB server did not prove that it knows the user's password")

    def _derive(self, salt: bytes, iterations: int) -> tuple[bytes, bytes]:
        wanted = (self._mechanism, salt, iterations)
        if wanted not in self._keys:
            salted = hashlib.pbkdf2_hmac(self._hash, self._secret, salt, iterations)
            self._keys.clear()  # a new salt is a new password: the old keys are of no more use
            self._keys[wanted] = self._hmac(salted, b"Client Key"), self._hmac(salted, b"Server Key")
        return self._keys[wanted]

    def _hmac(self, key: bytes, message: bytes) -> bytes:
        return hmac.digest(key, message, self._hash)


def _secret(mechanism: str, username: str, password: str) -> bytes:
    """Return what stands for the password: MongoDB hashes it first for SHA-1, and normalises it for SHA-256."""
    if mechanism == "SCRAM-SHA-1":
        return hashlib.md5(f"{username}:mongo:{password}".encode(), usedforsecurity=False).hexdigest().encode()
    try:
        return str(saslprep(password)).encode()
    except ValueError:
        raise LoginFailed("the MongoDB password holds characters that SCRAM-SHA-256 does not allow") from None


def _parts(message: bytes) -> dict[str, str]:
    return dict(part.split("=", 1) for part in message.decode().split(","))
