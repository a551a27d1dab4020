"""What the web server does when it starts."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUEST = """
import sqlite3, sys
from pathlib import Path
{start}
for name in ("inbox.sqlite3", "audit.sqlite3"):
    path = Path(sys.argv[1]) / name
    request = sqlite3.connect(path)
    request.execute("PRAGMA journal_mode=WAL")
    request.execute("CREATE TABLE written (value)")
    request.commit()
    request.close()
    print(Path(f"{{path}}-wal").exists())
"""


def kept(folder: Path, start: str) -> list[str]:
    """Whether the logs of both databases are still there after a request that was alone."""
    env = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    env |= {"ENVIRONMENT": "test", "DATA_DIR": str(folder)}
    command = [sys.executable, "-c", REQUEST.format(start=start), str(folder)]
    return subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, text=True).stdout.split()


def test_a_request_that_is_alone_does_not_wait_until_the_log_is_folded_into_the_file(tmp_path: Path) -> None:
    without, server = tmp_path / "without", tmp_path / "server"
    without.mkdir()
    server.mkdir()
    assert kept(without, "pass") == ["False", "False"]
    assert kept(server, "import inbox.asgi") == ["True", "True"]
