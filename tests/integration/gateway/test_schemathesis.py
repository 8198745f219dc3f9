"""Requests nobody thought of, made of the gateway's own OpenAPI document."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.app import App
from tests.support.daemon import environment
from tests.support.paths import ROOT

SECONDS = 60


def test_the_document_and_the_gateway_agree(tmp_path: Path) -> None:
    """Whatever schemathesis makes of the document, alone and in sequences, is answered as the document says."""
    with App(tmp_path, "--rate-limit", "0") as app:
        command = [
            str(Path(sys.executable).with_name("schemathesis")),
            *("--config-file", str(ROOT / "tests/support/schemathesis.toml")),
            *("run", f"{app.url}/api/v1/openapi.json"),
            *("--exclude-path", "/api/v1/events"),  # an answer without end
            *("--max-time", str(SECONDS), "--generation-database", "none", "--no-color", "--continue-on-failure"),
        ]
        hooks = {
            "GATEWAY_URL": app.url,
            "SCHEMATHESIS_HOOKS": "tests.support.schemathesis_hooks",
            "PYTHONPATH": str(ROOT),
        }
        ended = subprocess.run(
            command, env=environment(hooks), cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False
        )
        assert ended.returncode == 0, ended.stdout[-10_000:] + ended.stderr
        assert "bug" not in app.log.read_text()
