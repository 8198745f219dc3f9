"""For programs that call the service: `TasksClient`, and what it returns. docs/client.md shows its use.

The errors are in `twisted_tasks.client.errors`.

- `service`: `TasksClient`: a service that keeps connections, and has the calls
- `methods`: the calls of the contract
- `older`: those of before there were versions
- `calls`: how a call goes: a turn, a connection, a reply, and again
- `values`: what a client is given and answers with
- `rows`: lists of tasks, read straight into a class of the caller's
- `gate`: how many calls are under way, and who waits for a turn
- `link`: one connection that is kept alive
- `connection`: calls out, replies matched, an end to silence
- `codec`: calls -> frames -> replies; pure
- `endpoints`: addresses, failover, TLS
- `backoff`: pauses between attempts
- `errors`: how a call can fail
"""

from twisted_tasks.client.endpoints import tls_options
from twisted_tasks.client.service import TasksClient
from twisted_tasks.client.values import ChangeTask, CreateTask, Health, Page, RemoveTask, RestoreTask
from twisted_tasks.model import Changes, RemovedTask, Task

__all__ = [
    "ChangeTask",
    "Changes",
    "CreateTask",
    "Health",
    "Page",
    "RemoveTask",
    "RemovedTask",
    "RestoreTask",
    "Task",
    "TasksClient",
    "tls_options",
]
