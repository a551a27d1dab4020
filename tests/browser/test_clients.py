"""An administrator makes a client, and a person lets an app act for them, without JavaScript as well."""

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from .admin_states import BACK, alice_an_app_that_asks, make
from .conftest import ADMIN, SignIn

pytestmark = pytest.mark.browser


def at_the_app(page: Page) -> list[str]:
    """The addresses at which the app, which is played here, takes somebody up again."""
    taken_up: list[str] = []

    def answer(route: Route) -> None:
        taken_up.append(route.request.url)
        route.fulfill(body="Welcome back")

    page.route("https://app.example/**", answer)
    return taken_up


@pytest.mark.parametrize("action", ["Allow", "Do not allow"])
def test_a_person_decides_and_comes_back_to_the_app(sign_in: SignIn, visit: SignIn, action: str) -> None:
    alice = alice_an_app_that_asks(sign_in, visit)
    taken_up = at_the_app(alice)
    alice.get_by_role("button", name=action, exact=True).click()
    alice.wait_for_url(f"{BACK}**")
    (address,) = taken_up
    found = parse_qs(urlsplit(address).query)
    assert found["state"] == ["s"]
    assert ("code" in found) == (action == "Allow") == ("error" not in found)


@pytest.mark.parametrize("javascript", [True, False])
def test_a_client_is_made_used_and_ended(sign_in: SignIn, javascript: bool) -> None:
    admin = sign_in(ADMIN, java_script_enabled=javascript)
    id = make(admin)
    secret = admin.locator(".secret").inner_text()
    form = {"grant_type": "client_credentials", "client_id": id, "client_secret": secret}
    assert admin.request.post("/oauth2/token", form=form).ok
    admin.goto("/clients/")
    admin.get_by_role("row", name=id).get_by_role("link").click()
    expect(admin.get_by_text(secret)).to_have_count(0)
    admin.get_by_role("button", name="End the token").click()
    expect(admin.get_by_text("The token has ended.")).to_be_visible()
    admin.get_by_role("button", name="Make a new secret").click()
    assert admin.locator(".secret").inner_text() != secret
    assert admin.request.post("/oauth2/token", form=form).status == 401
    admin.get_by_role("button", name="Deactivate").click()
    expect(admin.get_by_text("Deactivated. Its tokens have ended.")).to_be_visible()
