"""The servers that are measured, each a process of its own on one core; whoever measures has the other."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.interop.peer import answers, end, free_port, peer, why_not

from . import access
from .sets import PEER, ROOT, environment

SERVER_CORE, CLIENT_CORE = 0, 1


@dataclass
class Server:
    """A server and a connection to it that is kept open; `pid` is 0 where it is not ours to look at."""

    name: str
    http: httpx.Client
    pid: int = 0
    cookies: dict[str, str] = field(default_factory=dict)

    def memory(self) -> float:
        """Megabytes of memory that the process holds."""
        status = Path(f"/proc/{self.pid}/status")
        lines = status.read_text(encoding="ascii").splitlines() if self.pid and status.exists() else []
        return next((int(one.split()[1]) / 1_000 for one in lines if one.startswith("VmRSS")), 0.0)


def pin(pid: int, core: int) -> None:
    """Keep a process on one core, where there are two and the system can."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(pid, {core})


@contextmanager
def ours(name: str, data: Path) -> Iterator[Server]:
    """The product on one data set, as it runs in production but for the number of its processes."""
    who, port = access.of(data), free_port()
    env = {**environment(data), "API_RATE": "1000000", "BASE_URL": f"http://127.0.0.1:{port}"}
    command = [sys.executable, "-m", "uvicorn", "inbox.asgi:application", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--no-proxy-headers", "--no-access-log", "--log-level", "warning"]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
        pin(process.pid, SERVER_CORE)
        try:
            if not answers(process, port):
                log.seek(0)
                raise RuntimeError(f"the server did not start: {log.read()[-2000:]}")
            base = f"http://127.0.0.1:{port}"
            with _client(base, {"Authorization": f"Bearer {who.token}"}) as http:
                yield Server(name, http, process.pid, {"sessionid": who.session})
        finally:
            end(process)


@contextmanager
def others(data: Path) -> Iterator[Server | None]:
    """The FHIR server that others wrote, with a part of a data set; None where it can not run."""
    if why_not():
        yield None
        return
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    pin(0, SERVER_CORE)  # what is started now inherits it
    with peer() as one:
        if before:
            os.sched_setaffinity(0, before)
        form = {"grant_type": "client_credentials", "client_id": one.client_id, "client_secret": one.client_secret}
        token = httpx.post(one.token_url, data=form).json()["access_token"]
        with _client(one.url.rstrip("/"), {"Authorization": f"Bearer {token}"}) as http:
            _fill(http, data / PEER)
            yield Server("peer", http)


def _client(base: str, headers: dict[str, str]) -> httpx.Client:
    return httpx.Client(base_url=base, headers={**headers, "Accept": "application/fhir+json"}, timeout=60)


def _fill(http: httpx.Client, path: Path) -> None:
    """Write resources with the ids that they have, each after what it refers to."""
    for line in path.read_text(encoding="utf-8").splitlines():
        resource = json.loads(line)
        place = f"/fhir/R4/{resource['resourceType']}/{resource['id']}"
        answer = http.put(place, content=line, headers={"Content-Type": "application/fhir+json"})
        answer.raise_for_status()
