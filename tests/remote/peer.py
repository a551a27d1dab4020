"""A FHIR server that others wrote: Medplum's published engine under Node, started for the tests that need one."""

import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

HERE = Path(__file__).parent
INTEROP = HERE.parent / "interop"
SERVER = INTEROP / "peer" / "server.mjs"
MODULES = INTEROP / "node_modules"
PATIENCE = 30.0


@dataclass
class Peer:
    """A running peer; `url` is its FHIR base."""

    url: str
    token_url: str
    reset_url: str
    process: "subprocess.Popen[bytes]"
    client_id: str = "peer"
    client_secret: str = "secret"

    @property
    def env(self) -> dict[str, str]:
        """The settings that put this product on it."""
        return {
            "FHIR_BASE_URL": self.url,
            "FHIR_TOKEN_URL": self.token_url,
            "FHIR_CLIENT_ID": self.client_id,
            "FHIR_CLIENT_SECRET": self.client_secret,
        }

    def reset(self) -> None:
        """Forget everything that tests have written."""
        urllib.request.urlopen(self.reset_url, timeout=5).read()


def missing() -> str:
    """Why no peer can be started here; empty when one can."""
    if not shutil.which("node"):
        return "Node is not installed, so there is no other FHIR server to test against"
    if not (MODULES / "@medplum" / "fhir-router").exists() or not SERVER.exists():
        return "the packages of tests/interop are not installed (npm ci there), so there is no other FHIR server"
    return ""


@contextmanager
def running() -> Iterator[Peer]:
    """A peer on a free port of this machine, ended afterwards."""
    port, reset = _free(), _free()
    base = f"http://127.0.0.1:{port}"
    env = {"PORT": str(port), "STRICT": "1", "RESET_PORT": str(reset), "PEER_MODULES": str(MODULES)}
    command = ["node", "--import", str(HERE / "reset.mjs"), str(SERVER)]
    process = subprocess.Popen(
        command, env={**os.environ, **env}, cwd=SERVER.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    peer = Peer(f"{base}/fhir/R4", f"{base}/oauth2/token", f"http://127.0.0.1:{reset}/", process)
    try:
        _wait(f"{base}/healthcheck", process)
        peer.reset()
        yield peer
    finally:
        process.terminate()
        process.wait(timeout=10)


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(url, timeout=1).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.05)
    raise AssertionError("the peer did not start")


@pytest.fixture(scope="session")
def _peer() -> Iterator[Peer]:
    if reason := missing():
        pytest.skip(reason)
    with running() as peer:
        yield peer


@pytest.fixture
def peer(_peer: Peer) -> Peer:
    """The peer, empty."""
    _peer.reset()
    return _peer
