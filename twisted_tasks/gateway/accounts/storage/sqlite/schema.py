"""What the file of accounts is known by. The numbered .sql files beside this module are its schema's steps."""

from __future__ import annotations

from twisted_tasks.ops.sqlite.schema import Schema

SCHEMA = Schema(
    package="twisted_tasks.gateway.accounts.storage.sqlite",
    application_id=0x54475759,  # "TGWY"
    name="the store of accounts",
    probe="SELECT id, username, name_key, password FROM accounts LIMIT 1",
    no_change="UPDATE accounts SET username = username WHERE 0",
)
