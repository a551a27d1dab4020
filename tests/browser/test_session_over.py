"""When a session ends: no text is lost, and nothing stays on the screen for the next person."""

import re

import pytest
from playwright.sync_api import Page, expect

from .conftest import ALICE, BOB, HOMER, Server, SignIn, fill_login
from .conversations import begin, box, send_button, sent

pytestmark = pytest.mark.browser


def session(page: Page) -> str:
    return next((one["value"] for one in page.context.cookies() if one["name"] == "sessionid"), "")


def enter(page: Page, email: str, server: Server) -> Page:
    """Sign in with a session of this test's own, so that it may end."""
    page.goto("/threads/")
    fill_login(page, email, server.password)
    return page


def sign_out(page: Page) -> None:
    page.locator("summary.rail__me").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("email", [ALICE, HOMER])
def test_a_text_typed_when_the_session_ended_is_back_after_signing_in(
    visit: SignIn, sign_in: SignIn, server: Server, email: str
) -> None:
    thread = begin(sign_in(ALICE), f"Session over for {email}")
    page = enter(visit(), email, server)
    page.goto(thread.path)
    box(page).press_sequentially("Half a sent")
    page.context.clear_cookies()
    box(page).press_sequentially("ence, and the rest.")
    send_button(page).click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    fill_login(page, email, server.password)
    expect(page).to_have_url(re.compile(f"{thread.path}$"))
    expect(box(page)).to_have_value("Half a sentence, and the rest.")
    expect(sent(page, "Half a sentence, and the rest.")).to_have_count(0)
    send_button(page).click()
    expect(sent(page, "Half a sentence, and the rest.")).to_have_count(1)
    expect(box(page)).to_have_value("")
    page.goto(thread.path)
    expect(box(page)).to_have_value("")


def test_a_new_thread_typed_when_the_session_ended_is_back_after_signing_in(visit: SignIn, server: Server) -> None:
    homer = enter(visit(), HOMER, server)
    homer.goto("/threads/new/")
    homer.get_by_label("What is it about?").fill("Typed for long")
    homer.get_by_label("Your message").fill("It took me an hour.")
    homer.context.clear_cookies()
    homer.get_by_role("button", name="Send to the clinic").click()
    homer.goto("/threads/new/")
    fill_login(homer, HOMER, server.password)
    expect(homer.get_by_label("What is it about?")).to_have_value("Typed for long")
    expect(homer.get_by_label("Your message")).to_have_value("It took me an hour.")
    homer.get_by_role("button", name="Send to the clinic").click()
    expect(homer.get_by_role("heading", name="Your message is with the clinic")).to_be_visible()
    homer.goto("/threads/new/")
    expect(homer.get_by_label("Your message")).to_have_value("")


def test_a_text_is_kept_for_its_author_alone(visit: SignIn, sign_in: SignIn, server: Server) -> None:
    thread = begin(sign_in(ALICE), "Shared computer")
    page = enter(visit(), ALICE, server)
    page.goto(thread.path)
    box(page).fill("Only Alice may see this")
    page.context.clear_cookies()
    page.goto(thread.path)
    fill_login(page, BOB, server.password)
    expect(page.get_by_role("heading", name=thread.topic)).to_be_visible()
    expect(box(page)).to_have_value("")
    box(page).fill("Bob types too")
    sign_out(page)
    assert page.evaluate("sessionStorage.length") == 0


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without"])
def test_after_signing_out_back_shows_nothing_of_a_patient(
    visit: SignIn, sign_in: SignIn, server: Server, javascript: bool
) -> None:
    thread = begin(sign_in(ALICE), "Nobody else's business")
    page = enter(visit(java_script_enabled=javascript), ALICE, server)
    page.goto(thread.path)
    page.goto("/threads/")
    page.locator(".thread-row__link").first.click()
    expect(page.locator("#topic")).to_be_visible()
    sign_out(page)
    for _step in range(3):
        page.go_back()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        assert "Simpson" not in page.content()
        assert thread.topic not in page.content()


def test_the_session_changes_its_name_when_somebody_signs_in_and_ends_when_they_leave(
    visit: SignIn, server: Server
) -> None:
    page = enter(visit(), ALICE, server)
    first = session(page)
    sign_out(page)
    assert session(page) != first
    page.context.add_cookies([{"name": "sessionid", "value": first, "url": server.url}])
    page.goto("/threads/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    planted = "x" * 32
    page.context.add_cookies([{"name": "sessionid", "value": planted, "url": server.url}])
    fill_login(page, ALICE, server.password)
    assert session(page) not in ("", first, planted)
