"""The user's file of tokens, which its owner alone can read: one token for each gateway."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from twisted_tasks.cli.status import Status, Trouble


class GatewayCredentials(NamedTuple):
    """How to show a gateway who one is."""

    username: str
    token: str


def path(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where the file is: in the user's configuration directory, as the XDG specification says."""
    base = environment.get("XDG_CONFIG_HOME", "")
    folder = Path(base) if base.startswith("/") else Path.home() / ".config"
    return folder / "tasks" / "credentials.json"


def for_gateway(server: str, environment: Mapping[str, str] = os.environ) -> GatewayCredentials:
    """Return TASKS_TOKEN, or what `tasks login` has kept for a gateway; raise Trouble when there is neither."""
    if token := environment.get("TASKS_TOKEN"):
        return GatewayCredentials("me", token)
    found = load(server)
    if found is None:
        raise Trouble(f"not logged in at {server}: `tasks login --server {server}`, or set TASKS_TOKEN", Status.INVALID)
    return found


def load(server: str) -> GatewayCredentials | None:
    """Return what is kept for a gateway, or None."""
    entry = _read().get(server)
    if not isinstance(entry, dict):
        return None
    username, token = entry.get("username"), entry.get("token")
    return GatewayCredentials(username, token) if isinstance(username, str) and isinstance(token, str) else None


def save(server: str, credentials: GatewayCredentials) -> None:
    """Keep something for a gateway, in the place of what was kept before."""
    _write({**_read(), server: credentials._asdict()})


def forget(server: str) -> bool:
    """Keep nothing for a gateway; return whether there was something."""
    entries = _read()
    found = entries.pop(server, None) is not None
    if found:
        _write(entries)
    return found


def _read() -> dict[str, object]:
    file = path()
    try:
        found = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Trouble(f"cannot read {file}: {error} (remove it, and log in again)", Status.INVALID) from error
    if not isinstance(found, dict):
        raise Trouble(f"{file} is no file of tokens (remove it, and log in again)", Status.INVALID)
    return found


def _write(entries: Mapping[str, object]) -> None:
    """Put another file in the place of the one before: whole or not at all, and never readable by others."""
    file = path()
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(dir=file.parent)  # with mode 0600
        try:
            with os.fdopen(number, "w", encoding="utf-8") as new:
                json.dump(entries, new, indent=2)
                new.write("\n")
            os.replace(name, file)
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        raise Trouble(f"cannot write {file}: {error.strerror}", Status.INVALID) from error
