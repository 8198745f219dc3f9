"""SCRAM, against the examples of the specifications."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from twisted_tasks.mongo.auth import Login, Scram
from twisted_tasks.mongo.options import MongoCredentials
from twisted_tasks.mongo.reply import CommandFailed, LoginFailed

# RFC 7677, section 3.
NONCE = "rOprNGfwEbeRWgbNEkqO"
CHALLENGE = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
PROOF = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
ANSWER = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

# MongoDB's authentication specification, "SCRAM-SHA-1".
SHA1_NONCE = "fyko+d2lbbFgONRv9qkxdawL"
SHA1_CHALLENGE = b"r=fyko+d2lbbFgONRv9qkxdawLHo+Vgk7qvUOKUwuWLIWg4l/9SraGMHEE,s=rQ9ZY3MntBeuP3E1TDVC4w==,i=10000"
SHA1_PROOF = b"c=biws,r=fyko+d2lbbFgONRv9qkxdawLHo+Vgk7qvUOKUwuWLIWg4l/9SraGMHEE,p=MC2T8BvbmWRckDw8oWl5IVghwCY="
SHA1_ANSWER = b"v=UMWeI25JD1yNYZRMpZ4VHvhZ9e0="


@pytest.mark.parametrize(
    ("mechanism", "nonce", "challenge", "proof", "answer"),
    [
        ("SCRAM-SHA-256", NONCE, CHALLENGE, PROOF, ANSWER),
        ("SCRAM-SHA-1", SHA1_NONCE, SHA1_CHALLENGE, SHA1_PROOF, SHA1_ANSWER),
    ],
)
def test_examples(mechanism: str, nonce: str, challenge: bytes, proof: bytes, answer: bytes) -> None:
    """The conversation is that of the specification's example, twice, though the keys are derived once."""
    keys: dict[Any, Any] = {}
    for _ in range(2):
        scram = Scram(mechanism, "user", "pencil", keys, nonce)
        assert scram.first() == f"n,,n=user,r={nonce}".encode()
        assert scram.final(challenge) == proof
        scram.verify(answer)
    assert len(keys) == 1


@pytest.mark.parametrize(
    "challenge",
    [
        CHALLENGE.replace(b"r=rO", b"r=xO"),
        CHALLENGE.replace(b"i=4096", b"i=1"),
        CHALLENGE.replace(b"i=4096", b"i=2000000000"),
        CHALLENGE.replace(b"i=4096", b"i=x"),
        CHALLENGE.replace(b"s=", b"s=!"),
        b"",
        b"e=other-error",
        b"\xff\xfe",
    ],
)
def test_challenges_that_are_unsound(challenge: bytes) -> None:
    """A server that forges, weakens, inflates or garbles its challenge is not told anything more."""
    with pytest.raises(LoginFailed):
        Scram("SCRAM-SHA-256", "user", "pencil", {}, NONCE).final(challenge)


@pytest.mark.parametrize("answer", [b"v=AAAA", b"", b"e=invalid-proof", ANSWER[:-3]])
def test_a_server_that_does_not_know_the_password(answer: bytes) -> None:
    """A server that does not prove that it knows the password is not the one we were looking for."""
    scram = Scram("SCRAM-SHA-256", "user", "pencil", {}, NONCE)
    scram.final(CHALLENGE)
    with pytest.raises(LoginFailed, match="did not prove"):
        scram.verify(answer)


def test_a_server_that_skips_the_proof() -> None:
    """Nor may a server skip to the end."""
    with pytest.raises(LoginFailed):
        Scram("SCRAM-SHA-256", "user", "pencil", {}, NONCE).verify(b"v=")


def test_names_are_escaped() -> None:
    """A user's name may hold what SCRAM uses for itself."""
    assert Scram("SCRAM-SHA-256", "a=b,c", "x", {}, "n").first() == b"n,,n=a=3Db=2Cc,r=n"


def test_passwords_are_normalised() -> None:
    """SCRAM-SHA-256 takes a password as RFC 4013 writes it, and refuses one it forbids."""
    proofs = {Scram("SCRAM-SHA-256", "u", password, {}, NONCE).final(CHALLENGE) for password in ("IX", "Ⅸ", "I\u00adX")}
    assert len(proofs) == 1
    with pytest.raises(LoginFailed, match="holds characters"):
        Scram("SCRAM-SHA-256", "u", "\u0007", {}, NONCE)


def attempt(credentials: MongoCredentials, hello: dict[str, Any], replies: list[Any]) -> tuple[list[Any], Any]:
    """Return the commands a login sends, and how it ends."""
    sent: list[Any] = []

    async def run(database: str, command: dict[str, Any]) -> dict[str, Any]:
        sent.append((database, command))
        reply = replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return dict(reply)

    ends: list[Any] = []
    Deferred.fromCoroutine(Login(credentials).login(run, hello)).addBoth(ends.append)
    return sent, ends[0]


@pytest.mark.parametrize(
    ("mechanism", "offered", "chosen"),
    [
        ("DEFAULT", ["SCRAM-SHA-1", "SCRAM-SHA-256"], "SCRAM-SHA-256"),
        ("DEFAULT", ["SCRAM-SHA-1"], "SCRAM-SHA-1"),
        ("DEFAULT", None, "SCRAM-SHA-256"),
        ("SCRAM-SHA-1", ["SCRAM-SHA-256"], "SCRAM-SHA-1"),
    ],
)
def test_the_mechanism(mechanism: str, offered: list[str] | None, chosen: str) -> None:
    """The better mechanism the server offers is used, unless one was asked for."""
    hello = {} if offered is None else {"saslSupportedMechs": offered}
    refusal = CommandFailed({"code": 18, "errmsg": "Authentication failed."})
    sent, end = attempt(MongoCredentials(mechanism, "", "me", "secret"), hello, [refusal])
    ((database, command),) = sent
    assert (database, command["mechanism"]) == ("admin", chosen)
    assert isinstance(end.value, LoginFailed)
    assert str(end.value) == "MongoDB refused the login of user me on database admin: Authentication failed."


def test_a_failure_that_passes() -> None:
    """A server that is going down while somebody logs in has not refused anybody."""
    _, end = attempt(MongoCredentials("DEFAULT", "", "me", "secret"), {}, [CommandFailed({"code": 91})])
    assert not isinstance(end.value, LoginFailed)


@pytest.mark.parametrize("username", [None, "CN=me"])
def test_x509(username: str | None) -> None:
    """A certificate is enough; a name is sent when there is one."""
    sent, end = attempt(MongoCredentials("MONGODB-X509", "$external", username), {}, [{"ok": 1}])
    expected = {"authenticate": 1, "mechanism": "MONGODB-X509"} | ({"user": username} if username else {})
    assert sent == [("$external", expected)]
    assert end is None
