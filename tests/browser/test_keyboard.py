"""The clinic's pages by keyboard alone: everything can be reached, is seen to have the focus, and single keys help."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import ALICE, HOMER, SignIn
from .conversations import begin, box, sent

pytestmark = pytest.mark.browser
RING = """() => {
  const ringed = (one) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(one);
    return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
  };
  const one = document.activeElement, box = one.closest(".composer__box");
  return box?.contains(one) && one.matches("textarea")
    ? getComputedStyle(box).boxShadow !== "none"
    : ringed(one) || (one.matches("label *") && ringed(one.closest("label")));
}"""


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def tab_to(page: Page, target: Locator, key: str = "Tab") -> None:
    """Go on with Tab until something has the focus; wherever the focus passes it is seen."""
    for _step in range(80):
        press(page, key)
        assert page.evaluate(RING), page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
        if target.evaluate("(one) => one === document.activeElement"):
            return
    raise AssertionError(f"{target} can not be reached with {key}")


def test_a_thread_is_read_answered_and_closed_by_keyboard(sign_in: SignIn) -> None:
    alice = sign_in(ALICE)
    thread = begin(alice, "By keyboard")
    alice.goto("/threads/")
    rows = alice.locator(".thread-row__link")
    press(alice, "j")
    expect(rows.nth(0)).to_be_focused()
    press(alice, "j", "j", "k", "k", "k")
    expect(rows.nth(0)).to_be_focused()
    assert alice.evaluate(RING)
    press(alice, "Enter")
    expect(alice.locator("#topic")).to_have_text(thread.topic)
    expect(alice.locator("#topic")).to_be_focused()
    press(alice, "r")
    expect(box(alice)).to_be_focused()
    alice.keyboard.type("jkcr/? are only letters here")
    press(alice, "Enter")
    alice.keyboard.type("and this is a second line")
    expect(box(alice)).to_have_value("jkcr/? are only letters here\nand this is a second line")
    press(alice, "Control+Enter")
    expect(sent(alice, "jkcr/? are only letters here and this is a second line")).to_have_count(1)
    expect(box(alice)).to_be_focused()
    tab_to(alice, alice.locator("summary.status"), "Shift+Tab")
    press(alice, "Enter")
    tab_to(alice, alice.get_by_role("button", name="Close this thread"))
    press(alice, "Enter")
    expect(alice.get_by_role("status").filter(has_text="The thread is closed.")).to_be_focused()
    tab_to(alice, alice.get_by_role("button", name="Reopen", exact=True))
    press(alice, "Enter")
    expect(alice.get_by_role("status").filter(has_text="The thread is open again.")).to_be_focused()


def test_an_internal_note_is_posted_by_keyboard(sign_in: SignIn) -> None:
    alice = sign_in(ALICE)
    alice.goto(begin(alice, "Note by keyboard").path)
    press(alice, "r")
    tab_to(alice, alice.get_by_role("radio", name="Reply"), "Shift+Tab")
    press(alice, "ArrowRight")
    expect(alice.get_by_role("radio", name="Internal note")).to_be_checked()
    tab_to(alice, box(alice))
    alice.keyboard.type("Among us")
    press(alice, "Control+Enter")
    expect(alice.locator(".message--internal:not([data-pending])", has_text="Among us")).to_be_visible()


def test_a_new_thread_is_written_by_keyboard(sign_in: SignIn) -> None:
    alice = sign_in(ALICE)
    press(alice, "c")
    expect(alice.get_by_role("heading", name="New message")).to_be_visible()
    expect(alice.get_by_label("Find a patient by name")).to_be_focused()
    alice.keyboard.type("homer simpson")
    expect(alice.get_by_role("radio", name=re.compile("Homer Simpson"))).to_be_visible()
    press(alice, "Enter", "ArrowDown", "Space")
    expect(alice.get_by_role("radio", name=re.compile("Homer Simpson"))).to_be_checked()
    tab_to(alice, alice.get_by_label("Find people by name"))
    alice.keyboard.type("bob")
    expect(alice.get_by_role("checkbox", name=re.compile("Bob Miller"))).to_be_visible()
    press(alice, "ArrowDown", "Space")
    expect(alice.get_by_role("checkbox", name=re.compile("Bob Miller"))).to_be_checked()
    tab_to(alice, alice.get_by_label("Topic", exact=True))
    alice.keyboard.type("Typed, never clicked")
    tab_to(alice, alice.get_by_label("First message"))
    alice.keyboard.type("Hello Homer.")
    press(alice, "Control+Enter")
    expect(alice.get_by_role("heading", name="Typed, never clicked")).to_be_visible()
    expect(sent(alice, "Hello Homer.")).to_have_count(1)


def test_people_are_added_by_keyboard(sign_in: SignIn) -> None:
    alice = sign_in(ALICE)
    alice.goto(begin(alice, "People by keyboard").path)
    alice.reload()
    tab_to(alice, alice.locator("a.avatars"))
    press(alice, "Enter")
    expect(alice.locator("#topic")).to_be_focused()
    tab_to(alice, alice.get_by_role("searchbox", name="Name"))
    alice.keyboard.type("tanaka")
    tab_to(alice, alice.get_by_role("button", name="Add Ken Tanaka"))
    press(alice, "Enter")
    expect(alice.get_by_role("status").filter(has_text="Ken Tanaka takes part from now on.")).to_be_focused()


def test_the_first_stop_skips_to_the_conversation(sign_in: SignIn) -> None:
    alice = sign_in(ALICE)
    alice.goto(begin(alice, "Skipped to").path)
    expect(alice.get_by_role("status").filter(has_text="The message is sent.")).to_be_focused()
    alice.reload()
    press(alice, "Tab")
    skip = alice.get_by_role("link", name="Skip to the conversation")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    press(alice, "Enter", "Tab")
    assert alice.evaluate("document.activeElement.closest('#conversation') !== null")


def test_escape_closes_menus_and_gives_the_focus_back(sign_in: SignIn) -> None:
    alice = sign_in(ALICE)
    alice.goto(begin(alice, "Menus").path)
    press(alice, "/")
    for menu in (alice.locator("summary", has_text="Tag"), alice.locator("summary.status"), alice.locator(".rail__me")):
        menu.focus()
        if menu.evaluate("(one) => !one.parentElement.open"):
            press(alice, "Enter")
        expect(menu.locator("xpath=..").locator(".menu__list")).to_be_visible()
        press(alice, "Tab", "Escape")
        expect(menu.locator("xpath=..").locator(".menu__list")).to_be_hidden()
        expect(menu).to_be_focused()


def test_a_filter_is_chosen_by_keyboard_and_the_focus_is_not_lost(sign_in: SignIn) -> None:
    alice = sign_in(ALICE)
    press(alice, "/")
    expect(alice.locator("summary", has_text="Tag")).to_be_focused()
    tab_to(alice, alice.get_by_role("link", name="Lab results", exact=True))
    press(alice, "Enter")
    alice.wait_for_url("**/threads/?tag=lab-results")
    expect(alice.get_by_role("link", name="Lab results remove this filter")).to_be_focused()
    press(alice, "Enter")
    alice.wait_for_url(re.compile(r"/threads/\??$"))
    expect(alice.locator("#threads :focus")).to_have_count(1)
    alice.goto("/threads/")
    alice.get_by_role("link", name="Load more").focus()
    press(alice, "Enter")
    rows = alice.locator(".thread-row__link")
    expect(rows.nth(25)).to_be_attached()
    expect(rows.nth(25)).to_be_focused()


def test_the_keys_are_explained_and_can_be_switched_off(sign_in: SignIn) -> None:
    alice = sign_in(ALICE)
    press(alice, "?")
    keys = alice.get_by_role("dialog", name="Keys")
    expect(keys).to_be_visible()
    press(alice, "Escape")
    expect(keys).to_be_hidden()
    press(alice, "?")
    tab_to(alice, keys.get_by_role("checkbox"))
    press(alice, "Space", "Escape")
    expect(keys).to_be_hidden()
    alice.reload()
    press(alice, "j", "?", "c")
    expect(keys).to_be_hidden()
    assert alice.evaluate("document.activeElement === document.body")
    assert alice.url.endswith("/threads/")
    alice.get_by_role("button", name="all keys").click()
    keys.get_by_role("checkbox").check()
    press(alice, "Escape", "j")
    expect(alice.locator(".thread-row__link").first).to_be_focused()


def test_on_a_touch_screen_enter_is_a_new_line(sign_in: SignIn) -> None:
    alice, homer = sign_in(ALICE), sign_in(HOMER, phone=True)
    thread = begin(alice, "Touched")
    homer.goto(thread.path)
    sends: list[str] = []
    homer.on("request", lambda request: sends.append(request.url) if request.method == "POST" else None)
    box(homer).tap()
    homer.keyboard.type("One")
    press(homer, "Enter")
    homer.keyboard.type("two")
    expect(box(homer)).to_have_value("One\ntwo")
    homer.get_by_role("button", name="Send").tap()
    expect(sent(homer, "One two")).to_have_count(1)
    assert len(sends) == 1
