"""A real server in a process of its own, the demo clinic in it, and people in a real Chromium."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    Response,
    ViewportSize,
    expect,
    sync_playwright,
)

ROOT = Path(__file__).resolve().parents[2]
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-sync"]
DESKTOP: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
ALICE, BOB, HOMER, MARGE, SAM, ADMIN, CHARLIE = (
    "alice@clinic.example",
    "bob@clinic.example",
    "homer@patient.example",
    "marge@patient.example",
    "sam@clinic.example",
    "admin@clinic.example",
    "charlie@clinic.example",
)

PATIENCE = 15_000
"""Milliseconds to wait for what shall happen: machines that run tests are busy."""
expect.set_options(timeout=PATIENCE)

SignIn = Callable[..., Page]
TOLD = ("Failed to load resource", "Response Status Error Code", "htmx:sendError", "htmx:afterRequest")
"""What Chromium and htmx log of an answer that was refused or never came; tests look at what the page says of it."""


@dataclass(frozen=True)
class Server:
    url: str
    password: str
    env: dict[str, str]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`manage.py demo` on a free port with data of its own, until the tests end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {**os.environ, "ENVIRONMENT": "demo", "DATA_DIR": str(tmp_path_factory.mktemp("clinic"))}
    env.pop("DATABASE_URL", None)
    command = [sys.executable, "-u", "manage.py", "demo", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    password = ""
    for line in process.stdout:
        if found := re.match(r"Password: (\S+)", line):
            password = found[1]
            break
    assert password, "the demo did not start"
    yield Server(f"http://127.0.0.1:{port}", password, env)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's Chromium where there is one, else Playwright's own."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def cookies() -> dict[str, list[Any]]:
    """The session of everybody who has signed in already: signing in is rate-limited, and slow on purpose."""
    return {}


@pytest.fixture(scope="session")
def nobody(server: Server) -> str:
    """The e-mail address of an account that belongs to no practice; its password is everybody's."""
    email = "nobody@clinic.example"
    make = f"from accounts.models import User; User.objects.create_user({email!r}, {server.password!r}, name='Nobody')"
    subprocess.run([sys.executable, "manage.py", "shell", "-v0", "-c", make], cwd=ROOT, env=server.env, check=True)
    return email


@pytest.fixture
def visit(server: Server, chromium: Browser) -> Iterator[SignIn]:
    """A page of somebody who is not signed in, on a desktop or a phone, with or without JavaScript, light or dark.

    At the end of the test none of its pages may have met an error of a script, a violation of the content security
    policy, a dialog or a missing file.
    """
    opened: list[BrowserContext] = []
    problems: list[str] = []

    def open_page(*, phone: bool = False, **options: Any) -> Page:
        options.setdefault("viewport", PHONE if phone else DESKTOP)
        context = chromium.new_context(base_url=server.url, has_touch=phone, **options)
        context.set_default_timeout(PATIENCE)
        opened.append(context)
        watch(context, problems)
        return context.new_page()

    yield open_page
    for context in opened:
        context.close()
    assert problems == []


@pytest.fixture
def sign_in(visit: SignIn, server: Server, cookies: dict[str, list[Any]]) -> SignIn:
    """A page of somebody who is signed in; the options are those of `visit`."""

    def open_page(email: str, **options: Any) -> Page:
        page = visit(**options)
        if email in cookies:
            page.context.add_cookies(cookies[email])
        page.goto("/threads/")
        if "/accounts/login/" in page.url:
            fill_login(page, email, server.password)
            cookies[email] = page.context.cookies()
        return page

    return open_page


def watch(context: BrowserContext, problems: list[str]) -> None:
    """Note every error of a script, violation of the policy, dialog and missing file of a context."""

    def logged(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(TOLD):
            problems.append(message.text)

    def asked(dialog: Dialog) -> None:
        problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def answered(response: Response) -> None:
        if response.status >= 500 or (response.status >= 400 and "/static/" in response.url):
            problems.append(f"{response.status}: {response.url}")

    violated = (
        "document.addEventListener('securitypolicyviolation', (event) => console.error('violation', event.blockedURI))"
    )
    context.add_init_script(violated)
    context.on("console", logged)
    context.on("dialog", asked)
    context.on("response", answered)
    context.on("weberror", lambda error: problems.append(str(error.error)))


def fill_login(page: Page, email: str, password: str) -> None:
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/threads/**")
