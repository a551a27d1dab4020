"""The whole journey in a real browser, with the data on a server that others wrote.

Set up as an operator would: by the commands of docs/remote-server.md. The worker follows the server's changes, so a
page is opened only when the worker has seen the last of them.
"""

import contextlib
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page

from inbox.fhir.remote_http import Server as Fhir
from inbox.fhir.remote_token import Credentials
from tests.browser import test_journey as journey
from tests.browser.conftest import (
    ALICE,
    BOB,
    CHARLIE,
    HOMER,
    ROOT,
    SAM,
    Server,
    SignIn,
    chromium,
    cookies,
    sign_in,
    visit,
)
from tests.remote import peer as peers
from tests.remote.peer import Peer

__all__ = ["chromium", "cookies", "sign_in", "visit"]

pytestmark = pytest.mark.browser

PASSWORD = "a long password for tests"
MEMBERS = {
    ALICE: ("Practitioner/doctor-alice-smith", "clinician", "Dr. Alice Smith"),
    BOB: ("Practitioner/nurse-bob-miller", "clinician", "Bob Miller"),
    HOMER: ("Patient/homer-simpson", "patient", "Homer Simpson"),
    SAM: ("Practitioner/nurse-sam-taylor", "supervisor", "Sam Taylor"),
    CHARLIE: ("Practitioner/charlie-evans", "clinician", "Dr. Charlie Evans"),
}
STRANGER = (
    '{"resourceType": "Practitioner", "id": "charlie-evans", "active": true, "name": [{"text": "Dr. Charlie Evans"}]}'
)
PATIENCE = 30.0


@pytest.fixture(scope="module")
def away() -> Iterator[Peer]:
    if reason := peers.missing():
        pytest.skip(reason)
    with peers.running() as peer:
        yield peer


@pytest.fixture(scope="module")
def server(away: Peer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server and a worker on the peer, with the people of the demo clinic in it."""
    folder = tmp_path_factory.mktemp("remote")
    port = peers._free()
    url = f"http://127.0.0.1:{port}"
    env = {**os.environ, **away.env, "ENVIRONMENT": "test", "DATA_DIR": str(folder), "BASE_URL": url}
    env |= {"FHIR_POLL_SECONDS": "1", "MEMBER_PASSWORD": PASSWORD}
    env.pop("DATABASE_URL", None)
    set_up(folder, env)
    serve = ["-m", "uvicorn", "inbox.asgi:application", "--host", "127.0.0.1", "--port", str(port)]
    commands = [[*serve, "--log-level", "warning"], ["manage.py", "worker"]]
    processes = [subprocess.Popen([sys.executable, *one], cwd=ROOT, env=env) for one in commands]
    try:
        wait(lambda: httpx.get(f"{url}/readyz", timeout=5).status_code == 200)
        yield Server(url, PASSWORD, env)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=20)


def set_up(folder: Path, env: dict[str, str]) -> None:
    """An empty installation on a remote server, by its commands."""
    people = folder / "stranger.json"
    people.write_text(STRANGER)

    def manage(*arguments: str) -> None:
        subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=env, check=True, capture_output=True)

    manage("migrate", "-v0")
    manage("migrate", "-v0", "--database", "audit")
    manage("createcachetable", "-v0")
    manage("create_practice", "springfield", "Springfield Clinic")
    manage("load", "inbox/demo/springfield-people.ndjson", str(people), "--practice", "springfield")
    for email, (profile, policy, name) in MEMBERS.items():
        options = {"practice": "springfield", "profile": profile, "policy": policy, "name": name}
        named = [word for key, value in options.items() for word in (f"--{key}", value)]
        manage("create_member", email, *named, "--password-env", "MEMBER_PASSWORD")


def wait(condition: Any) -> None:
    """Wait until a condition holds; what can not be reached yet does not hold."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with contextlib.suppress(httpx.HTTPError, sqlite3.OperationalError):
            if condition():
                return
        time.sleep(0.1)
    raise AssertionError("this did not happen in time")


@pytest.fixture
def caught_up(sign_in: SignIn, server: Server, away: Peer) -> SignIn:
    """Pages that are opened only when the worker has dealt with everything that changed on the peer."""
    app = Fhir(away.url, Credentials(away.token_url, away.client_id, away.client_secret))

    def open_page(email: str, **options: Any) -> Page:
        page = sign_in(email, **options)
        go = page.goto

        def goto(url: str, **more: Any) -> Any:
            wait(lambda: all_seen(app, Path(server.env["DATA_DIR"]) / "inbox.sqlite3"))
            return go(url, **more)

        page.goto = goto  # type: ignore[method-assign]
        return page

    return open_page


def all_seen(app: Fhir, database: Path) -> bool:
    """Whether the worker has looked at the present version of every message, thread and Task."""
    there = set()
    for type in ("Communication", "Task"):
        bundle = app.get(type, [("_count", "1000")]).body
        there |= {(one["resource"]["id"], one["resource"]["meta"]["versionId"]) for one in bundle.get("entry", [])}
    with contextlib.closing(sqlite3.connect(database)) as connection:
        seen = set(connection.execute("SELECT fhir_id, version FROM inbox_remoteversion"))
    return there <= seen


def test_a_conversation_is_held_read_and_overseen_on_a_remote_server(caught_up: SignIn) -> None:
    journey.test_a_conversation_is_held_read_and_overseen(caught_up)
