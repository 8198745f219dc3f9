"""What the task store's SQLite file is known by. The numbered .sql files beside this module are its schema's steps."""

from __future__ import annotations

from twisted_tasks.ops.sqlite.schema import Schema
from twisted_tasks.service.storage.sqlite.rows import TASK

SCHEMA = Schema(
    package="twisted_tasks.service.storage.sqlite",
    application_id=0x5441534B,  # "TASK"
    name="the task store",
    probe=f"SELECT {TASK} FROM tasks LIMIT 1",
    no_change="UPDATE tasks SET done = done WHERE 0",
)
