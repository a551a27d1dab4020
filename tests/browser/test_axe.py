"""Every page in every state, on a desktop and a phone, light and dark: axe finds nothing, nothing is cut off, and a
picture is left in `test-results/pages` to be looked at."""

import re
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT, AxeResults  # type: ignore[import-untyped]
from playwright.sync_api import Page

from . import admin_states, clinic_states, portal_states  # noqa: F401, they enter their states in the list
from .conftest import DESKTOP, PHONE, ROOT, Server, SignIn
from .layout import sideways
from .states import STATES, State, without_a_practice

pytestmark = pytest.mark.browser
PICTURES = ROOT / "test-results" / "pages"
SIZES = {"desktop": DESKTOP, "phone": PHONE}
RUN = "(rules) => axe.run({ preload: false, resultTypes: ['violations'], ...(rules && { runOnly: rules }) })"


def violations(page: Page, rules: list[str] | None = None) -> str:
    """What axe finds on a page as it is now, by all of its rules or by those named."""
    found: dict[str, Any] = page.evaluate(RUN, rules)
    results = AxeResults(found)
    return results.generate_report() if results.violations_count else ""


def passes(page: Page, name: str) -> None:
    """Colours are all that dark pages can have wrong and light ones not, so that only those are looked at again."""
    page.evaluate(AXE_SCRIPT)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for size, viewport in SIZES.items():
            page.set_viewport_size(viewport)
            page.screenshot(path=picture(f"{name} {size} {scheme}"), caret="initial")
            report = violations(page, None if scheme == "light" else ["color-contrast"])
            assert report == "", (name, size, scheme, report)
            assert sideways(page) == 0, (name, size)


def picture(name: str) -> Path:
    return PICTURES / f"{re.sub(r'[^a-z0-9]+', '-', name.lower())}.png"


@pytest.mark.parametrize("go", STATES.values(), ids=STATES.keys())
def test_axe_finds_nothing(sign_in: SignIn, visit: SignIn, go: State, request: pytest.FixtureRequest) -> None:
    passes(go(sign_in, visit), request.node.callspec.id)


def test_axe_finds_nothing_where_there_is_no_practice(visit: SignIn, server: Server, nobody: str) -> None:
    passes(without_a_practice(visit, nobody, server.password), "no practice")


def test_axe_finds_what_is_wrong(visit: SignIn) -> None:
    page = visit()
    page.goto("/accounts/login/")
    page.evaluate(AXE_SCRIPT)
    page.evaluate("document.querySelector('label').remove()")
    assert "label" in violations(page)
