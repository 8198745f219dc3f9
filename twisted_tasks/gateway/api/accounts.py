"""Accounts, sessions and tokens."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import UNSET

from twisted_tasks.gateway.accounts.model import Account, Session
from twisted_tasks.gateway.api import schemas
from twisted_tasks.gateway.api.answers import NO_CONTENT, Answer, json_answer
from twisted_tasks.gateway.api.credentials import CLEAR_COOKIE, set_cookie
from twisted_tasks.gateway.api.departure import depart
from twisted_tasks.gateway.api.present import moment
from twisted_tasks.gateway.api.problems import invalid
from twisted_tasks.gateway.api.table import BASE
from twisted_tasks.model import FIRST_MS, LAST_MS, to_milliseconds, to_text

if TYPE_CHECKING:
    from twisted_tasks.gateway.api.call import ApiCall
    from twisted_tasks.gateway.api.service import Api


def _account(account: Account) -> schemas.Account:
    return schemas.Account(account.id, account.username, to_text(account.created_ms))


def _entered(api: Api, account: Account, secret: str, status: int) -> Answer:
    return json_answer(_account(account), status, [set_cookie(secret, api.settings.session_lifetime)])


def _session(call: ApiCall) -> Session:
    session = call.caller.session
    assert session is not None  # the route's access says so
    return session


async def sign_up(api: Api, call: ApiCall) -> Answer:
    """Make an account, and log in."""
    body: schemas.Signup = call.body
    account, secret = await api.accounts.signup(body.username, body.password, call.address, call.user_agent)
    if call.cookie is not None:
        await api.accounts.logout(call.cookie)
    return _entered(api, account, secret, 201)


async def log_in(api: Api, call: ApiCall) -> Answer:
    """Begin a session, and end the one that came along."""
    body: schemas.Credentials = call.body
    account, secret = await api.accounts.login(
        body.username, body.password, call.address, call.user_agent, replaces=call.cookie
    )
    return _entered(api, account, secret, 200)


async def reset_password(api: Api, call: ApiCall) -> Answer:
    """Set a password by an operator's link, and end all sessions of the account."""
    body: schemas.PasswordReset = call.body
    account = await api.accounts.redeem_reset(body.token, body.password)
    api.hub.check_now(account.id)
    return NO_CONTENT


async def log_out(api: Api, call: ApiCall) -> Answer:
    """End the session."""
    await api.accounts.logout(call.caller.secret)
    api.hub.check_now(call.account_id)
    return Answer(204, fields=[CLEAR_COOKIE])


async def get_account(api: Api, call: ApiCall) -> Answer:
    """Answer who is logged in."""
    return json_answer(_account(await api.accounts.account(call.account_id)))


async def change_account(api: Api, call: ApiCall) -> Answer:
    """Change the username or the password; a new password ends all other sessions."""
    body: schemas.AccountPatch = call.body
    username = None if body.username is UNSET else body.username
    password = None if body.password is UNSET else body.password
    account = await api.accounts.change(
        call.account_id, _session(call), body.current_password, call.address, username, password
    )
    api.hub.check_now(call.account_id)
    return json_answer(_account(account))


async def delete_account(api: Api, call: ApiCall) -> Answer:
    """Remove the account with all it has. Where a step fails it is repeated, by the client or by the janitor."""
    body: schemas.Confirmation = call.body
    await api.accounts.mark_leaving(call.account_id, _session(call), body.current_password, call.address)
    api.hub.check_now(call.account_id)
    await depart(call.account_id, api.accounts, api.tasks, api.clock)
    return Answer(204, fields=[CLEAR_COOKIE])


async def list_sessions(api: Api, call: ApiCall) -> Answer:
    """Answer the account's logins."""
    current = _session(call).id
    found = [
        schemas.Session(one.id, to_text(one.created_ms), to_text(one.last_seen_ms), one.user_agent, one.id == current)
        for one in await api.accounts.sessions(call.account_id)
    ]
    return json_answer(schemas.Sessions(found))


async def end_session(api: Api, call: ApiCall) -> Answer:
    """End one of the account's logins."""
    await api.accounts.end_session(call.account_id, call.id)
    api.hub.check_now(call.account_id)
    return NO_CONTENT


async def make_token(api: Api, call: ApiCall) -> Answer:
    """Make a token, and show its secret this once."""
    body: schemas.NewToken = call.body
    if len(set(body.scopes)) < len(body.scopes):
        raise invalid("/scopes", "a scope is there twice")
    expires = _expiry(api, body.expires_on)
    token, secret = await api.accounts.create_token(call.account_id, body.name, body.scopes, expires)
    made = schemas.MadeToken(
        token.id, token.name, sorted(token.scopes), to_text(token.created_ms), moment(token.expires_ms), secret
    )
    return json_answer(made, 201, [(b"Location", f"{BASE}/tokens/{token.id}".encode())])


def _expiry(api: Api, text: str | None) -> int | None:
    """Return when a token ends, in milliseconds. Raises Problem when that is no moment to come."""
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)
        expires = to_milliseconds(parsed) if parsed.tzinfo else None
    except (ValueError, OverflowError):
        expires = None
    if expires is None or not FIRST_MS <= expires <= LAST_MS:
        raise invalid("/expiresOn", "expiresOn is a date and time with offset (2026-11-25T09:30:00+01:00)")
    if expires <= api.wall() * 1000:
        raise invalid("/expiresOn", "expiresOn is over")
    return expires


async def list_tokens(api: Api, call: ApiCall) -> Answer:
    """Answer the account's tokens, without their secrets."""
    found = [
        schemas.Token(
            one.id,
            one.name,
            sorted(one.scopes),
            to_text(one.created_ms),
            moment(one.expires_ms),
            moment(one.last_used_ms),
        )
        for one in await api.accounts.tokens(call.account_id)
    ]
    return json_answer(schemas.Tokens(found))


async def revoke_token(api: Api, call: ApiCall) -> Answer:
    """End a token."""
    await api.accounts.revoke_token(call.account_id, call.id)
    api.hub.check_now(call.account_id)
    return NO_CONTENT
