"""Our own server with the demo clinic, in processes of its own, for clients that know it only by HTTP."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.interop.peer import end, free_port

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = ("demo-client", "demo-limited")


@dataclass(frozen=True)
class Inbox:
    """Where the demo answers (`url` ends in a slash) and the secret of each of its machine clients."""

    url: str
    secrets: dict[str, str] = field(default_factory=dict)


@contextmanager
def inbox(data: Path | None = None) -> Iterator[Inbox]:
    """Run `manage.py demo` on a free port until the end of the `with` block; its data go with it unless kept in `data`.

    Raises RuntimeError with what the demo said when it does not come up.
    """
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="fhir-inbox-") as temporary, tempfile.TemporaryFile("w+") as log:
        env = {**os.environ, "ENVIRONMENT": "demo", "DATA_DIR": str(data or temporary)}
        for name in ("DATABASE_URL", "BASE_URL", "SECRET_KEY"):
            env.pop(name, None)
        command = [sys.executable, "-u", "manage.py", "demo", "--port", str(port)]
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            secrets = greeted(process)
            if missing := [name for name in CLIENTS if name not in secrets]:
                log.seek(0)
                raise RuntimeError(f"the demo did not print {' and '.join(missing)}: {log.read()[-2000:]}")
            yield Inbox(f"http://127.0.0.1:{port}/", secrets)
        finally:
            end(process)


def greeted(process: subprocess.Popen[str]) -> dict[str, str]:
    """Read what the demo prints until it is ready; the secrets of its clients by their ids."""
    secrets: dict[str, str] = {}
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.match(r"\s*(demo-[a-z]+): (\S+)", line):
            secrets[found[1]] = found[2]
        if line.startswith("Stop with"):
            break
    return secrets
