"""The published JavaScript client, unchanged, against our API; and against its makers' engine, to try the suite."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.interop.peer import FOLDER, Peer
from tests.interop.server import Inbox

SUITES = sorted((FOLDER / "medplum").glob("*.test.mjs"))
PATIENCE = 120
"""Seconds that one file of tests may take; it takes one or two."""


def environment(url: str, ids: tuple[str, str], secrets: tuple[str, str], target: str) -> dict[str, str]:
    """What the tests in JavaScript read: the server, a client that may do everything, one that may not."""
    names = ("CLIENT_ID", "LIMITED_CLIENT_ID", "CLIENT_SECRET", "LIMITED_CLIENT_SECRET")
    return {**os.environ, "BASE_URL": url, "TARGET": target, **dict(zip(names, ids + secrets, strict=True))}


def node_test(files: list[Path], env: dict[str, str]) -> str:
    """Run files of tests with Node's own runner; the report. Fails with what failed."""
    names = [str(file.relative_to(FOLDER)) for file in files]
    command = ["node", "--test", "--test-reporter=spec", "--test-timeout=30000", *names]
    done = subprocess.run(command, cwd=FOLDER, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode:
        pytest.fail(done.stdout[done.stdout.find("failing tests") :] + done.stderr, pytrace=False)
    return done.stdout


def count(report: str, word: str) -> int:
    """How many tests passed, or were skipped, by the report."""
    found = re.search(rf"^\S* ?{word} (\d+)$", report, re.MULTILINE)
    assert found, report[-500:]
    return int(found[1])


@pytest.mark.parametrize("suite", SUITES, ids=lambda path: path.name.partition(".")[0])
def test_the_published_client_works_against_our_server(suite: Path, our_server: Inbox) -> None:
    ids = ("demo-client", "demo-limited")
    secrets = (our_server.secrets[ids[0]], our_server.secrets[ids[1]])
    report = node_test([suite], environment(our_server.url, ids, secrets, "inbox"))
    assert count(report, "pass") > 0
    assert count(report, "skipped") == 0


def test_the_suite_itself_holds_against_the_engine_of_those_who_made_the_client(other_server: Peer) -> None:
    ids = (other_server.client_id, other_server.limited_id)
    secrets = (other_server.client_secret, other_server.limited_secret)
    report = node_test(SUITES, environment(other_server.url, ids, secrets, "peer"))
    assert count(report, "pass") > 100


def test_the_packages_are_locked_by_hash_and_no_registry_is_named() -> None:
    lock = json.loads((FOLDER / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert packages
    assert all(one["integrity"].startswith("sha512-") and "resolved" not in one for one in packages.values())
    wanted = json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    for path in (FOLDER / "package.json", FOLDER / "package-lock.json", FOLDER / ".npmrc"):
        assert "registry." not in path.read_text(encoding="utf-8")
        assert "http" not in path.read_text(encoding="utf-8")
