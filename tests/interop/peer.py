"""The FHIR server that others wrote (`peer/`), started for tests on a free port of this machine."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent
PATIENCE = 60
"""Seconds until the peer must answer; it reads all R4 definitions first, which takes two or three."""


@dataclass(frozen=True)
class Peer:
    """Where the peer answers and who may ask: `url` ends in a slash, `fhir` does not."""

    url: str
    client_id: str = "peer"
    client_secret: str = "peer-secret"
    limited_id: str = "limited"
    limited_secret: str = "limited-secret"

    @property
    def fhir(self) -> str:
        return f"{self.url}fhir/R4"

    @property
    def token_url(self) -> str:
        return f"{self.url}oauth2/token"


@cache
def why_not() -> str:
    """Why nothing of Node can run here, in words for whoever reads the report; empty when it can."""
    node = shutil.which("node")
    if not node:
        return "Node is not installed here (version 20 or newer)"
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.lstrip("v").partition(".")[0]) < 20:
        return f"Node {version} is too old (version 20 or newer is needed)"
    if not (FOLDER / "node_modules" / "@medplum" / "fhir-router").is_dir():
        return "the packages of tests/interop are not installed here: make interop does that"
    return ""


def need_node() -> None:
    """Skip the test, saying why, where Node or its packages are missing."""
    if reason := why_not():
        pytest.skip(reason)


def free_port() -> int:
    """A port of the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def peer(port: int | None = None, *, strict: bool = True) -> Iterator[Peer]:
    """Run the peer with an empty store until the end of the `with` block; skips the test where Node is missing.

    Without `strict` it is the npm engine as published, which lacks what `peer/README.md` lists.
    """
    need_node()
    port = port or free_port()
    one = Peer(f"http://127.0.0.1:{port}/")
    settings = {
        "PORT": str(port),
        "STRICT": "1" if strict else "0",
        "PUBLIC_BASE": one.url,
        "CLIENT_ID": one.client_id,
        "CLIENT_SECRET": one.client_secret,
        "LIMITED_CLIENT_ID": one.limited_id,
        "LIMITED_CLIENT_SECRET": one.limited_secret,
    }
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            ["node", "peer/server.mjs"], cwd=FOLDER, env={**os.environ, **settings}, stdout=log, stderr=log
        )
        try:
            if not answers(process, port):
                log.seek(0)
                raise RuntimeError(f"the peer did not start: {log.read()[-2000:]}")
            yield one
        finally:
            end(process)


def answers(process: subprocess.Popen[str] | subprocess.Popen[bytes], port: int) -> bool:
    """Wait until a process listens on a port; False when it ended, or did not come up."""
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.05)
    return False


def end(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    """End a process, by force what does not end in ten seconds."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
