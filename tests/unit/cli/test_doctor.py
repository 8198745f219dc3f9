"""What `tasks doctor` takes for what, by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import ConfigurationError

from twisted_tasks.cli.doctor import mongo
from twisted_tasks.cli.doctor.findings import Findings
from twisted_tasks.cli.screen import Screen
from twisted_tasks.mongo.options import MongoOptions


def test_white_space_in_a_secret_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor logs in with the password the daemon reads in a file: without the white space around it."""
    (tmp_path / "password").write_text(" secret \r\n\n")
    given: dict[str, Any] = {}

    def connect(uri: str, **options: Any) -> None:
        given.update(options)
        raise ConfigurationError("far enough")

    monkeypatch.setattr(mongo, "MongoClient", connect)
    options = MongoOptions("mongodb://me@h", password_file=str(tmp_path / "password"))
    mongo.examine(options, Findings(Screen(as_json=True), as_json=True))
    assert given["password"] == "secret"
