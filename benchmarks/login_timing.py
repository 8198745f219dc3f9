"""Whether the time of a refused login tells if anybody has the username.

    python -m benchmarks.login_timing [logins]

Starts the application, signs accounts up, and sends wrong passwords for them and for usernames that nobody has, in
turns, each from an address of its own so that nothing is held up. Prints the medians and their ratio.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx

from tests.support.app import API, App

PASSWORD = "wide open spaces"


def from_address(number: int) -> dict[str, str]:
    """Return the field by which a proxy says where a request came from."""
    return {"X-Forwarded-For": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"}


def refused(client: httpx.Client, username: str, number: int) -> float:
    """Return the seconds until a wrong password for a username is refused."""
    begin = time.perf_counter()
    body = {"username": username, "password": "not the password"}
    answer = client.post("/session", json=body, headers=from_address(number))
    seconds = time.perf_counter() - begin
    assert answer.status_code == 401, answer.text
    return seconds


def main(logins: int) -> None:
    """Measure, and print."""
    with (
        tempfile.TemporaryDirectory() as folder,
        App(Path(folder), "--trusted-proxies", "127.0.0.1") as app,
        httpx.Client(base_url=app.url + API, headers={"Origin": app.url}) as client,
    ):
        for number in range(logins):
            body = {"username": f"user{number}", "password": PASSWORD}
            assert client.post("/accounts", json=body, headers=from_address(number)).status_code == 201
            client.cookies.clear()
        known, unknown = [], []
        for number in range(logins):
            known.append(refused(client, f"user{number}", 1_000_000 + number))
            unknown.append(refused(client, f"nobody{number}", 2_000_000 + number))
    one, other = statistics.median(known), statistics.median(unknown)
    sys.stdout.write(
        f"wrong password {one * 1000:.1f} ms, no such name {other * 1000:.1f} ms, ratio {one / other:.3f}\n"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
