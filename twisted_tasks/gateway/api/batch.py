"""`POST /tasks/batch`: many operations, each done and answered as if it had come by itself.

What is wrong with one operation fails that one. The others go to the Tasks service together, in their order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, gatherResults

from twisted_tasks import model
from twisted_tasks.client.values import BatchChange, ChangeTask, CreateTask, RemoveTask, RestoreTask
from twisted_tasks.gateway.accounts.errors import AccountError
from twisted_tasks.gateway.accounts.model import Claim
from twisted_tasks.gateway.api import problems, schemas
from twisted_tasks.gateway.api.answers import Answer, json_answer
from twisted_tasks.gateway.api.errors import of_accounts, of_tasks
from twisted_tasks.gateway.api.present import present
from twisted_tasks.gateway.api.problems import Problem, invalid
from twisted_tasks.gateway.api.rules import fields_of, key_of, valid_id
from twisted_tasks.gateway.api.schemas import Result, Results
from twisted_tasks.model import Task, TaskError

if TYPE_CHECKING:
    from twisted_tasks.gateway.api.call import ApiCall
    from twisted_tasks.gateway.api.service import Api

_STATUS = {schemas.AddOperation: 201, schemas.UpdateOperation: 200, schemas.RestoreOperation: 200}


async def do_batch(api: Api, call: ApiCall) -> Answer:
    """Do the operations, and answer what came of each."""
    body: schemas.Batch = call.body
    steps = [_Step(operation) for operation in body.operations]
    await gatherResults([Deferred.fromCoroutine(step.prepare(api, call.account_id)) for step in steps])
    going = [step for step in steps if step.change is not None]
    if going:
        changes = [step.change for step in going if step.change is not None]
        try:
            outcomes: list[Any] = list(await api.tasks.batch(call.account_id, changes))
        except TaskError as error:
            outcomes = [error] * len(going)
        for step, outcome in zip(going, outcomes, strict=True):
            step.outcome = outcome
        await gatherResults([Deferred.fromCoroutine(step.settle(api, call.account_id)) for step in going])
        api.wrote(call.account_id)
    return json_answer(Results([step.result(api, call.number) for step in steps]))


class _Step:
    """One operation on its way.

    @ivar change: what the Tasks service is asked; None when it need not be.
    @ivar outcome: the task as it is then, None for a removal, or why it failed.
    """

    def __init__(self, operation: schemas.Operation) -> None:
        self.operation = operation
        self.change: BatchChange | None = None
        self.outcome: Task | TaskError | Problem | None = None
        self._claim: Claim | None = None
        self._key: str | None = None

    async def prepare(self, api: Api, account_id: str) -> None:
        """Check the operation, and claim its key."""
        try:
            self._key = _key(self.operation.key)
            if isinstance(self.operation, schemas.AddOperation):
                await self._prepare_add(api, account_id, self.operation)
            else:
                self.change = _change(self.operation, self._key)
        except Problem as problem:
            self.outcome = problem
        except AccountError as error:
            self.outcome = of_accounts(error)

    async def _prepare_add(self, api: Api, account_id: str, operation: schemas.AddOperation) -> None:
        fields = fields_of(operation)
        if self._key is not None:
            claim = await api.creation.claim(account_id, fields, self._key)
            if claim.settled:
                self.outcome = await _repeated(api, account_id, claim.value)
                return
            self._claim = claim
        self.change = CreateTask(**fields, key=self._key)

    async def settle(self, api: Api, account_id: str) -> None:
        """Say what came of the operation's key."""
        if self._claim is None or self._key is None:
            return
        try:
            if isinstance(self.outcome, Task):
                await api.accounts.settle_key(account_id, self._key, self.outcome.id)
            else:
                await api.accounts.release_key(account_id, self._key)
        except AccountError as error:
            self.outcome = of_accounts(error)

    def result(self, api: Api, number: str) -> Result:
        """Return how it is answered."""
        outcome = self.outcome
        if isinstance(outcome, TaskError):
            outcome = of_tasks(outcome, api.service_works)
        if isinstance(outcome, Problem):
            return Result(outcome.kind.status, problem=outcome.content(number))
        if outcome is None:
            return Result(204)
        return Result(_STATUS[type(self.operation)], task=present(outcome))


async def _repeated(api: Api, account_id: str, task_id: str) -> Task | TaskError:
    try:
        return await api.creation.repeated(account_id, task_id)
    except TaskError as error:
        return error


def _key(key: str | None) -> str | None:
    """Return an operation's key. Raises Problem when it cannot be one."""
    if key is None:
        return None
    try:
        return key_of(key.encode("latin-1"))
    except (Problem, UnicodeEncodeError):
        raise invalid("/key", f"a key has 1 to {model.KEY_MAX} printable ASCII characters") from None


def _change(
    operation: schemas.UpdateOperation | schemas.RemoveOperation | schemas.RestoreOperation, key: str | None
) -> BatchChange:
    """Return what the Tasks service is asked. Raises Problem for a rule that is broken."""
    task_id = valid_id(operation.id)
    if isinstance(operation, schemas.RestoreOperation):
        return RestoreTask(task_id)
    version = operation.version
    if version is not None and not 0 <= version <= model.VERSION_MAX:
        raise Problem(problems.INVALID, errors=[problems.FieldError("/version", "no task has this version")])
    if isinstance(operation, schemas.RemoveOperation):
        return RemoveTask(task_id, version, key)
    return ChangeTask(task_id, **fields_of(operation), version=version, key=key)
