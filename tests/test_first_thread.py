"""The walkthrough for engineers does what it says, in each of its languages."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.interop.peer import FOLDER, need_node
from tests.interop.server import Inbox, inbox

DOCUMENT = (Path(__file__).resolve().parents[1] / "docs" / "first-thread.md").read_text(encoding="utf-8")
COMMANDS = {
    "ts": ("walkthrough.mjs", ["node", "--import", (FOLDER / "medplum" / "websocket.mjs").as_uri()]),
    "bash": ("walkthrough.sh", ["bash"]),
    "python": ("walkthrough.py", [sys.executable]),
}
"""The name of each program and what runs it. The TypeScript is written without types, so that any Node can read it."""


def blocks(language: str) -> list[str]:
    """The code of a language in the document, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def server() -> Iterator[Inbox]:
    """A demo clinic of this document's own."""
    with inbox() as one:
        yield one


@pytest.mark.parametrize("language", COMMANDS)
def test_the_walkthrough_prints_what_it_says(language: str, server: Inbox, tmp_path: Path) -> None:
    done = run(language, server, tmp_path)
    assert done.stderr == ""
    assert done.stdout == blocks("text")[0]


@pytest.mark.parametrize("language", COMMANDS)
def test_the_walkthrough_stops_where_the_secret_is_wrong(language: str, server: Inbox, tmp_path: Path) -> None:
    wrong = Inbox(server.url, {"demo-client": "wrong"})
    done = run(language, wrong, tmp_path)
    assert done.returncode != 0
    assert done.stdout == ""


def test_every_step_is_there_in_every_language() -> None:
    steps = re.split(r"^## \d\. ", DOCUMENT, flags=re.MULTILINE)[1:]
    assert len(steps) == 7
    for step in steps:
        languages = re.findall(r"^```(ts|bash|python)$", step, re.MULTILINE)
        assert languages == list(COMMANDS), step.splitlines()[0]


def test_the_people_of_the_walkthrough_are_in_the_demo(server: Inbox) -> None:
    form = {"grant_type": "client_credentials", "client_id": "demo-client", "client_secret": secret(server)}
    token = httpx.post(f"{server.url}oauth2/token", data=form).raise_for_status().json()["access_token"]
    for one in ("Patient/homer-simpson", "Practitioner/doctor-alice-smith"):
        answer = httpx.get(f"{server.url}fhir/R4/{one}", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200, one


def run(language: str, server: Inbox, folder: Path) -> subprocess.CompletedProcess[str]:
    """Write the code of a language into a file and run that as its reader would."""
    name, command = COMMANDS[language]
    if language == "ts":
        need_node()
        (folder / "node_modules").symlink_to(FOLDER / "node_modules")
    elif not shutil.which(command[0]) or (language == "bash" and not shutil.which("curl")):
        pytest.skip("bash or curl is not installed here")
    (folder / name).write_text("\n".join(blocks(language)), encoding="utf-8")
    env = {"FHIR_INBOX_URL": server.url.rstrip("/"), "CLIENT_ID": "demo-client", "CLIENT_SECRET": secret(server)}
    return subprocess.run(
        [*command, name], cwd=folder, env={**os.environ, **env}, capture_output=True, text=True, timeout=60, check=False
    )


def secret(server: Inbox) -> str:
    return server.secrets["demo-client"]
