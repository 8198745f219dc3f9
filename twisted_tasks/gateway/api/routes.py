"""The table of routes: everything the API does, one row each."""

from __future__ import annotations

from twisted_tasks.gateway.api import accounts, batch, events, openapi, problems, schemas, tasks
from twisted_tasks.gateway.api.answers import Answer
from twisted_tasks.gateway.api.call import ApiCall
from twisted_tasks.gateway.api.query import CURSOR, DONE, LIMIT, MANY, SINCE
from twisted_tasks.gateway.api.service import Api
from twisted_tasks.gateway.api.table import KIB, Access, Route, Table

_MERGE_PATCH = ("application/json", "application/merge-patch+json")

_PASSWORD_PROBLEMS = (problems.THROTTLED, problems.BUSY)
_SIGNUP_PROBLEMS = (problems.SIGNUP_CLOSED, problems.USERNAME_TAKEN, *_PASSWORD_PROBLEMS)
_CONFIRM_PROBLEMS = (problems.WRONG_PASSWORD, problems.ACCOUNT_CHANGED, *_PASSWORD_PROBLEMS)
_KEY_PROBLEMS = (problems.KEY_IN_PROGRESS, problems.KEY_REUSED, problems.TASK_REMOVED)
_CHANGE_PROBLEMS = (problems.NOT_FOUND, problems.VERSION_CONFLICT, problems.PRECONDITION_REQUIRED)


async def _document(api: Api, call: ApiCall) -> Answer:
    """Answer the OpenAPI document, which is made of the table that this function stands in."""
    return openapi.answer(TABLE)


TABLE = Table(
    (
        # Accounts.
        Route(
            "POST",
            "/accounts",
            Access.ENTRY,
            accounts.sign_up,
            "Sign up",
            status=201,
            body=schemas.Signup,
            answer=schemas.Account,
            problems=_SIGNUP_PROBLEMS,
        ),
        Route("GET", "/account", Access.SESSION, accounts.get_account, "Who is logged in", answer=schemas.Account),
        Route(
            "PATCH",
            "/account",
            Access.SESSION,
            accounts.change_account,
            "Change username or password",
            body=schemas.AccountPatch,
            answer=schemas.Account,
            problems=(problems.USERNAME_TAKEN, *_CONFIRM_PROBLEMS),
            body_types=_MERGE_PATCH,
        ),
        Route(
            "DELETE",
            "/account",
            Access.LEAVING,
            accounts.delete_account,
            "Delete the account and all it has",
            status=204,
            body=schemas.Confirmation,
            problems=_CONFIRM_PROBLEMS,
        ),
        # Sessions.
        Route(
            "POST",
            "/session",
            Access.ENTRY,
            accounts.log_in,
            "Log in",
            body=schemas.Credentials,
            answer=schemas.Account,
            problems=(problems.WRONG_CREDENTIALS, *_PASSWORD_PROBLEMS),
        ),
        Route(
            "POST",
            "/password-reset",
            Access.ENTRY,
            accounts.reset_password,
            "Set a new password by an operator's link",
            status=204,
            body=schemas.PasswordReset,
            problems=(problems.RESET_EXPIRED, problems.ACCOUNT_CHANGED, problems.BUSY),
        ),
        Route("DELETE", "/session", Access.SESSION, accounts.log_out, "Log out", status=204),
        Route("GET", "/sessions", Access.SESSION, accounts.list_sessions, "List logins", answer=schemas.Sessions),
        Route(
            "DELETE",
            "/sessions/{id}",
            Access.SESSION,
            accounts.end_session,
            "End a login",
            status=204,
            problems=(problems.NOT_FOUND,),
        ),
        # Tokens.
        Route(
            "POST",
            "/tokens",
            Access.SESSION,
            accounts.make_token,
            "Make a token",
            status=201,
            body=schemas.NewToken,
            answer=schemas.MadeToken,
        ),
        Route("GET", "/tokens", Access.SESSION, accounts.list_tokens, "List tokens", answer=schemas.Tokens),
        Route(
            "DELETE",
            "/tokens/{id}",
            Access.SESSION,
            accounts.revoke_token,
            "Revoke a token",
            status=204,
            problems=(problems.NOT_FOUND,),
        ),
        # Tasks.
        Route(
            "GET",
            "/tasks",
            Access.READ,
            tasks.list_tasks,
            "List tasks, newest first",
            answer=schemas.TaskPage,
            query=(DONE, LIMIT, CURSOR),
            fields=("If-None-Match",),
        ),
        Route(
            "POST",
            "/tasks",
            Access.WRITE,
            tasks.add_task,
            "Add a task",
            status=201,
            body=schemas.NewTask,
            answer=schemas.Task,
            fields=("Idempotency-Key",),
            problems=_KEY_PROBLEMS,
        ),
        Route(
            "POST",
            "/tasks/batch",
            Access.WRITE,
            batch.do_batch,
            "Do many operations on tasks",
            body=schemas.Batch,
            answer=schemas.Results,
            limit=4096 * KIB,
        ),
        Route(
            "GET",
            "/tasks/{id}",
            Access.READ,
            tasks.get_task,
            "Read a task",
            answer=schemas.Task,
            fields=("If-None-Match",),
            problems=(problems.NOT_FOUND,),
        ),
        Route(
            "PATCH",
            "/tasks/{id}",
            Access.WRITE,
            tasks.change_task,
            "Change a task",
            body=schemas.TaskPatch,
            answer=schemas.Task,
            fields=("If-Match", "Idempotency-Key"),
            problems=_CHANGE_PROBLEMS,
            body_types=_MERGE_PATCH,
        ),
        Route(
            "DELETE",
            "/tasks/{id}",
            Access.WRITE,
            tasks.remove_task,
            "Remove a task",
            status=204,
            fields=("If-Match", "Idempotency-Key"),
            problems=_CHANGE_PROBLEMS,
        ),
        Route(
            "POST",
            "/tasks/{id}/restore",
            Access.WRITE,
            tasks.restore_task,
            "Bring a removed task back",
            answer=schemas.Task,
            problems=(problems.NOT_FOUND, problems.ID_TAKEN),
        ),
        # What happened.
        Route(
            "GET",
            "/changes",
            Access.READ,
            tasks.list_changes,
            "What became of tasks since a token",
            answer=schemas.Changes,
            query=(SINCE, MANY),
            fields=("If-None-Match",),
        ),
        Route(
            "GET",
            "/events",
            Access.READ,
            events.listen,
            "Be told when tasks change",
            answer=str,
            fields=("Last-Event-ID",),
            problems=(problems.TOO_MANY_STREAMS,),
            media_type=events.MEDIA_TYPE,
        ),
        Route("GET", "/openapi.json", Access.PUBLIC, _document, "This document", answer=dict),
    )
)
