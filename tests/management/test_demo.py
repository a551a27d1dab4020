"""`manage.py demo`: a clinic that starts, stops, comes back, and never touches a real installation."""

import json
import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth import authenticate
from django.core.management import call_command
from django.core.management.base import CommandError

from inbox import fhir
from inbox.demo import clinic, setup
from inbox.models import Practice, Resource

PATIENCE = 120


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """The command changes the umask of its process, which here is that of the tests."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def demo(data: Path, port: int, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """The command as a process of its own, ended at the end whatever happens."""
    variables = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "SECRET_KEY")}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--port", str(port)],
        cwd=settings.BASE_DIR,
        env={**variables, "ENVIRONMENT": "demo", "DATA_DIR": str(data), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(PATIENCE, process.kill)
    watchdog.start()
    try:
        yield process
    finally:
        watchdog.cancel()
        if process.poll() is None:
            process.terminate()
        process.communicate()


def greeting(process: subprocess.Popen[str]) -> str:
    """What is printed, up to its last line."""
    assert process.stdout
    lines: list[str] = []
    while not lines or not lines[-1].startswith("Stop with"):
        line = process.stdout.readline()
        assert line, process.communicate()
        lines.append(line)
    return "".join(lines)


def logged_in(port: int, said: str, client: str) -> str:
    """The profile as which one of the machines logs in with the secret that is printed."""
    found = re.search(rf"^{client}: (\S+)$", said, re.MULTILINE)
    assert found
    form = {"grant_type": "client_credentials", "client_id": client, "client_secret": found[1]}
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/oauth2/token", urlencode(form).encode()) as answer:
        profile: str = json.load(answer)["profile"]["reference"]
        return profile


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, err = process.communicate(timeout=PATIENCE)
    return process.returncode, err


def children(process: subprocess.Popen[str]) -> dict[str, int]:
    """The processes of the server and of the worker."""
    found = {}
    for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        name = "worker" if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes() else "server"
        found[name] = int(pid)
    return found


def test_the_demo_starts_stops_and_comes_back_as_it_was(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    with demo(data, port) as process:
        said = greeting(process)
        assert said.splitlines()[0] == f"Ready: http://127.0.0.1:{port}"
        assert all(login["email"] in said for login in clinic.logins())
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/accounts/login/") as answer:
            assert answer.status == 200
        assert logged_in(port, said, "demo-client") == "Practitioner/demo-client"
        assert logged_in(port, said, "demo-limited") == "Practitioner/demo-limited"
        process.send_signal(signal.SIGINT)
        assert ended(process)[0] == 0
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in data.iterdir()} == {0o600}
    with sqlite3.connect(data / "inbox.sqlite3") as database:
        before = database.execute("SELECT count(*) FROM inbox_resource").fetchone()

    with demo(data, port) as process:
        assert greeting(process) == said
        worker = children(process)["worker"]
        os.kill(worker, signal.SIGKILL)
        code, err = ended(process)
    assert code == 1
    assert "The worker ended by itself (exit code -9); the demo stops." in err
    with sqlite3.connect(data / "inbox.sqlite3") as database:
        assert database.execute("SELECT count(*) FROM inbox_resource").fetchone() == before
    with pytest.raises(ConnectionRefusedError), socket.socket() as probe:
        probe.connect(("127.0.0.1", port))


@pytest.mark.parametrize("environment", ["production", "test"])
def test_it_starts_in_no_other_environment(settings: Any, environment: str) -> None:
    settings.ENVIRONMENT = environment
    with pytest.raises(CommandError, match=f"ENVIRONMENT is “{environment}”.*`make demo` sets it"):
        call_command("demo", port=free_port())


@pytest.mark.django_db
def test_it_leaves_the_database_of_a_real_practice_alone(settings: Any) -> None:
    settings.ENVIRONMENT = "demo"
    fhir.create_practice("riverside", "Riverside Surgery")
    with pytest.raises(CommandError, match=r"not the demo's. It holds the practice “riverside”"):
        call_command("demo", port=free_port())
    assert not setup.loaded()


@pytest.mark.django_db
def test_a_database_with_accounts_or_with_tables_of_others_is_not_the_demos(monkeypatch: pytest.MonkeyPatch) -> None:
    assert setup.foreign() == ""
    apps.get_model("accounts", "User")._default_manager.create_user("owner@real.example")
    assert setup.foreign() == "It holds accounts, but not the demo's clinic."
    monkeypatch.setattr(type(setup.connections["default"].introspection), "table_names", lambda self: ["invoices"])
    assert setup.foreign() == "It has tables that are not the demo's."


@pytest.mark.django_db
@pytest.mark.parametrize("port", [0, 70_000])
def test_a_port_that_is_in_use_or_impossible_is_said(settings: Any, port: int) -> None:
    settings.ENVIRONMENT = "demo"
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        wanted = port or other.getsockname()[1]
        with pytest.raises(CommandError, match=rf"Port {wanted} can not be used .*make demo PORT="):
            call_command("demo", port=wanted)


@pytest.mark.django_db
def test_the_clinic_is_loaded_once_with_logins_that_work(monkeypatch: pytest.MonkeyPatch) -> None:
    setup.load("the password")
    Membership = apps.get_model("accounts", "Membership")
    marge = Membership._default_manager.filter(user__email="marge@patient.example")
    assert {one.profile for one in marge} == {"RelatedPerson/marge-simpson-bart", "RelatedPerson/marge-simpson-lisa"}
    assert {(one.practice.fhir_id, one.policy.fhir_id) for one in marge} == {("springfield", "carer")}
    assert Membership._default_manager.get(user__email="charlie@clinic.example").practice.fhir_id == "shelbyville"
    assert authenticate(email="sam@clinic.example", password="the password")
    assert setup.loaded()
    assert setup.foreign() == ""


@pytest.mark.django_db
def test_machines_are_made_once_and_take_the_secret_that_is_kept() -> None:
    setup.load("the password")
    Client = apps.get_model("allauth_idp_oidc", "Client")
    Membership = apps.get_model("accounts", "Membership")
    for secret in ("s" * 43, "s" * 43, "t" * 43):
        setup.log_in_with({"demo-client": secret, "demo-limited": secret[::-1]})
        assert Client._default_manager.get(pk="demo-client").check_secret(secret)
        made = Membership._default_manager.filter(client__isnull=False).order_by("client")
        assert [(one.client_id, one.profile, one.policy.fhir_id) for one in made] == [
            ("demo-client", "Practitioner/demo-client", "integration"),
            ("demo-limited", "Practitioner/demo-limited", "clinician"),
        ]
    assert setup.foreign() == ""


@pytest.mark.django_db
def test_a_clinic_that_fails_half_way_is_not_there_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    found = clinic.resources(setup.datetime.now(setup.UTC))
    found["shelbyville"][-1]["status"] = "nonsense"
    monkeypatch.setattr(clinic, "resources", lambda now: found)
    with pytest.raises(fhir.outcome.Invalid):
        setup.load("the password")
    assert not Practice.objects.exists()
    assert not Resource.objects.exists()


def test_secrets_are_made_once_and_are_their_owners(tmp_path: Path) -> None:
    path = tmp_path / "data" / "password"
    first = setup.secret(path, setup.new_password)
    assert re.fullmatch(r"[a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4}", first)
    assert setup.secret(path, setup.new_password) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert setup.new_key() != setup.new_key()
