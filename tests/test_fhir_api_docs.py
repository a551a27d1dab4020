"""The page about the API does what it says: its commands run in order, and each answers what stands behind it."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from inbox.api.errors import IDS
from inbox.fhir import outcome
from tests.interop.server import inbox

DOCUMENT = (Path(__file__).resolve().parents[1] / "docs" / "fhir-api.md").read_text(encoding="utf-8")
BLOCKS: list[str] = re.findall(r"^```sh\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)
MARK = re.compile(r"# → ([0-9]{3})(?: (.+))?$", re.MULTILINE)
"""What a command is answered: `# → 404 not-found`, a status and words of the answer."""

WRAPPER = """
set -u
curl() {
  echo >> "$RECORD/calls"
  local number=$(($(wc -l < "$RECORD/calls")))
  command curl -sS --max-time 30 -w '%{stderr}%{http_code}\\n' "$@" 2>> "$RECORD/statuses" | tee "$RECORD/$number"
}
"""
"""Writes down the status and the answer of each curl, numbered from 1, and passes the answer on."""


@dataclass(frozen=True)
class Told:
    """What one command was answered."""

    status: str
    answer: str


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[Told]:
    """The answers of all commands of the page, run in one bash against a demo clinic."""
    if not shutil.which("curl") or not shutil.which("bash"):
        pytest.skip("bash or curl is not installed here")
    folder = tmp_path_factory.mktemp("api")
    (folder / "page.sh").write_text(WRAPPER + "\n".join(BLOCKS), encoding="utf-8")
    with inbox() as server:
        env = {
            "FHIR_INBOX_URL": server.url.rstrip("/"),
            "CLIENT_ID": "demo-client",
            "CLIENT_SECRET": server.secrets["demo-client"],
            "RECORD": str(folder),
        }
        done = subprocess.run(
            ["bash", "page.sh"], cwd=folder, env={**os.environ, **env}, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
    assert done.stderr == ""
    statuses = (folder / "statuses").read_text(encoding="utf-8").split()
    answers = [(folder / str(number)).read_text(encoding="utf-8") for number in range(1, len(statuses) + 1)]
    return [Told(*pair) for pair in zip(statuses, answers, strict=True)]


def test_every_command_is_answered_as_the_page_says(told: list[Told]) -> None:
    expected = MARK.findall("\n".join(BLOCKS))
    assert len(told) == len(expected)
    for number, ((status, words), one) in enumerate(zip(expected, told, strict=True), 1):
        assert one.status == status, (number, words, one)
        assert words in one.answer, (number, one)


def test_every_command_says_what_it_is_answered() -> None:
    for block in BLOCKS:
        assert len(re.findall(r"\bcurl\b", block)) == len(MARK.findall(block)), block


def test_every_error_of_the_page_is_one_that_the_server_knows() -> None:
    known = {(status, id) for status, (id, _) in IDS.items()} | {(416, "invalid")}
    classes = [one for one in vars(outcome).values() if isinstance(one, type) and issubclass(one, outcome.FHIRError)]
    known |= {(one.status, one.id) for one in classes}
    rows = re.findall(r"^\| ([0-9]{3}) \| `([a-z-]+)` \|", DOCUMENT, re.MULTILINE)
    assert {(int(status), id) for status, id in rows} == known
