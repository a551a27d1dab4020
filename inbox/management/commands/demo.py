"""`manage.py demo`: a clinic to try, with its server and its worker, until it is stopped. `make demo` starts it."""

import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from inbox.demo import clinic, setup

HOST = "127.0.0.1"
POLL = 0.1
PATIENCE = 60
GRACE = 10


class Command(BaseCommand):
    help = "Starts the demo clinic on this machine: server and worker, until Ctrl-C. Use `make demo`."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        port: int = options["port"]
        # What the demo writes is its owner's alone, the databases too.
        os.umask(0o077)
        _refuse_production()
        _refuse_taken(port)
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda number, frame: _interrupt(stop, number, frame))
        password, machines, environment = self._prepare(port)
        children = Children(environment, port)
        try:
            if children.answer(stop):
                self._greet(port, password, machines)
            failure = children.watch(stop)
        finally:
            children.stop()
        if failure:
            raise CommandError(failure)

    def _prepare(self, port: int) -> tuple[str, dict[str, str], dict[str, str]]:
        data = settings.DATA_DIR
        fresh = not (data / "password").exists()
        password = setup.secret(data / "password", setup.new_password)
        key = setup.secret(data / "secret-key", setup.new_key)
        setup.migrate()
        if not setup.loaded():
            self.stderr.write("Loading the demo clinic. This happens once.")
            setup.load(password)
        elif fresh:
            setup.sign_in_with(password)
        machines = {
            one["id"]: setup.secret(data / f"{one['id']}-secret", setup.new_secret) for one in clinic.machines()
        }
        setup.log_in_with(machines)
        environment = {"SECRET_KEY": key, "BASE_URL": f"http://{HOST}:{port}", "PYTHONUNBUFFERED": "1"}
        return password, machines, {**os.environ, **environment}

    def _greet(self, port: int, password: str, machines: dict[str, str]) -> None:
        self.stdout.write(f"Ready: http://{HOST}:{port}")
        self.stdout.write("")
        for login in clinic.logins():
            self.stdout.write(f"  {login['role']:<26} {login['email']}")
        self.stdout.write("")
        self.stdout.write(f"Password: {password}")
        for id, secret in machines.items():
            self.stdout.write(f"{id}: {secret}")
        self.stdout.write("Stop with Ctrl-C.")
        self.stdout.flush()


def _interrupt(stop: threading.Event, number: int, frame: FrameType | None) -> None:
    """End in good order; while the clinic is still being prepared, at once (what is half loaded is taken back)."""
    stop.set()
    if not Children.started:
        sys.exit(0)


def _refuse_production() -> None:
    if settings.ENVIRONMENT != "demo":
        raise CommandError(
            f"ENVIRONMENT is “{settings.ENVIRONMENT}”. The demo has known logins and starts with ENVIRONMENT=demo only;"
            " `make demo` sets it."
        )
    if settings.FHIR_BASE_URL:
        raise CommandError("FHIR_BASE_URL is set. The demo has a clinic of its own: unset it.")
    try:
        reason = setup.foreign()
    except DatabaseError as error:
        raise CommandError(f"The database can not be read: {error}") from None
    if reason:
        advice = "Nothing was changed. Unset DATABASE_URL, or choose another DATA_DIR."
        raise CommandError(f"This database is not the demo's. {reason} {advice}")


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", "") or str(error)
            raise CommandError(f"Port {port} can not be used ({reason}). Choose another: make demo PORT=8001") from None


class Children:
    """Server and worker as processes of their own; when one ends, both do."""

    started = False

    def __init__(self, environment: dict[str, str], port: int) -> None:
        serve = [
            "-m",
            "uvicorn",
            "inbox.asgi:application",
            "--host",
            HOST,
            "--port",
            str(port),
            "--log-level",
            "warning",
        ]
        Children.started = True
        self.port = port
        self.processes = {
            name: subprocess.Popen(
                [sys.executable, *arguments],
                env=environment,
                cwd=settings.BASE_DIR,
                # Ctrl-C reaches this process alone, which then ends the two in good order.
                start_new_session=True,
            )
            for name, arguments in {"server": serve, "worker": [str(Path("manage.py")), "worker"]}.items()
        }

    def answer(self, stop: threading.Event) -> bool:
        """Wait until the server answers; False when told to stop, or when it does not come up."""
        for _ in range(int(PATIENCE / POLL)):
            if self._healthy():
                return True
            if self._ended() or stop.wait(POLL):
                return False
        stop.set()
        return False

    def watch(self, stop: threading.Event) -> str:
        """Wait until told to stop; the reason when it was a process that ended."""
        while not stop.wait(POLL):
            if name := self._ended():
                return f"The {name} ended by itself (exit code {self.processes[name].returncode}); the demo stops."
        return ""

    def stop(self) -> None:
        """End both, in good order, and by force what does not end in ten seconds."""
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _ended(self) -> str:
        return next((name for name, process in self.processes.items() if process.poll() is not None), "")

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.port}/healthz", timeout=2) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False
