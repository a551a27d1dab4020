"""Sending in a real browser: once, at once, and never a text lost."""

import re

import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect

from .conftest import ALICE, BOB, HOMER, SignIn
from .conversations import Begun, begin, box, close, post, send_button, sent, write

pytestmark = pytest.mark.browser
NOT_SENT = "Not sent"


def open_thread(page: Page, thread: Begun) -> None:
    page.goto(thread.path)
    expect(page.get_by_role("heading", name=thread.topic)).to_be_visible()


def pending(page: Page) -> Locator:
    return page.locator("#messages [data-pending]")


def hold(page: Page) -> list[Route]:
    """Keep every send on its way until the test lets it go."""
    held: list[Route] = []
    page.route("**/messages/", lambda route: held.append(route))
    return held


def is_there_once(page: Page, thread: Begun, text: str) -> None:
    """In the page as it is, and in the page as the server has it."""
    expect(sent(page, text)).to_have_count(1)
    page.goto(thread.path)
    expect(sent(page, text)).to_have_count(1)


def test_a_message_shows_at_once_and_the_box_is_cleared_only_when_the_server_has_it(sign_in: SignIn) -> None:
    alice = sign_in(ALICE)
    thread = begin(alice, "Shown at once")
    open_thread(alice, thread)
    held = hold(alice)
    box(alice).fill("On its way")
    send_button(alice).click()
    expect(pending(alice)).to_contain_text("On its way")
    expect(pending(alice).get_by_text("Sending…")).to_be_visible()
    expect(pending(alice).get_by_text(NOT_SENT)).to_be_hidden()
    expect(box(alice)).to_have_value("On its way")
    held[0].continue_()
    expect(sent(alice, "On its way")).to_have_count(1)
    expect(pending(alice)).to_have_count(0)
    expect(box(alice)).to_have_value("")
    expect(box(alice)).to_be_focused()


def test_what_is_typed_while_a_message_is_on_its_way_stays(sign_in: SignIn) -> None:
    alice = sign_in(ALICE)
    thread = begin(alice, "Typed on")
    open_thread(alice, thread)
    held = hold(alice)
    box(alice).fill("First.")
    send_button(alice).click()
    expect(pending(alice)).to_be_visible()
    box(alice).press_sequentially("Second")
    held[0].continue_()
    expect(sent(alice, "First.")).to_have_count(1)
    expect(box(alice)).to_have_value("Second")


def test_a_double_click_makes_one_message(sign_in: SignIn) -> None:
    alice = sign_in(ALICE)
    thread = begin(alice, "Clicked twice")
    open_thread(alice, thread)
    held = hold(alice)
    box(alice).fill("Only once, please")
    send_button(alice).dblclick()
    held[0].continue_()
    expect(sent(alice, "Only once, please")).to_have_count(1)
    expect(box(alice)).to_have_value("")
    alice.evaluate("fetch('/healthz').then((answer) => answer.text())")  # a second send would have come before it
    assert len(held) == 1
    expect(alice.locator("#composer-notice").get_by_role("alert")).to_have_count(0)
    is_there_once(alice, thread, "Only once, please")


def test_a_double_click_starts_one_thread(sign_in: SignIn) -> None:
    homer = sign_in(HOMER, phone=True)
    homer.goto("/threads/new/")
    homer.get_by_label("What is it about?").fill("Clicked twice by Homer")
    homer.get_by_label("Your message").fill("My knee hurts.")
    homer.get_by_role("button", name="Send to the clinic").dblclick()
    expect(homer.get_by_role("heading", name="Your message is with the clinic")).to_be_visible()
    homer.goto("/threads/")
    expect(homer.locator(".thread-row", has_text="Clicked twice by Homer")).to_have_count(1)


def test_without_a_connection_the_text_stays_and_retry_sends_it_once(sign_in: SignIn) -> None:
    alice = sign_in(ALICE)
    thread = begin(alice, "In the lift")
    alice.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_thread(alice, thread)
    alice.context.set_offline(True)
    box(alice).fill("Take two tablets")
    send_button(alice).click()
    expect(pending(alice).get_by_text(NOT_SENT)).to_be_visible()
    expect(pending(alice).get_by_text("Sending…")).to_be_hidden()
    expect(box(alice)).to_have_value("Take two tablets")
    pending(alice).get_by_role("button", name="Copy").click()
    assert alice.evaluate("navigator.clipboard.readText()") == "Take two tablets"
    alice.context.set_offline(False)
    pending(alice).get_by_role("button", name="Retry").click()
    expect(pending(alice)).to_have_count(0)
    expect(box(alice)).to_have_value("")
    is_there_once(alice, thread, "Take two tablets")


def test_a_lost_answer_and_a_retry_make_one_message(sign_in: SignIn) -> None:
    alice = sign_in(ALICE)
    thread = begin(alice, "Lost answer")
    open_thread(alice, thread)
    stored: list[int] = []

    def lose(route: Route) -> None:
        stored.append(route.fetch().status)
        route.abort()

    alice.route("**/messages/", lose)
    box(alice).fill("Stored, but not confirmed")
    send_button(alice).click()
    expect(pending(alice).get_by_text(NOT_SENT)).to_be_visible()
    expect(pending(alice).get_by_text("Sending…")).to_be_hidden()
    assert stored == [200]
    alice.unroute("**/messages/")
    pending(alice).get_by_role("button", name="Retry").click()
    expect(pending(alice)).to_have_count(0)
    is_there_once(alice, thread, "Stored, but not confirmed")


@pytest.mark.parametrize(("choice", "order"), [("Read it first", ["Bob", "Alice"]), ("Send anyway", ["Bob", "Alice"])])
def test_sending_past_a_message_not_yet_seen_asks_first(sign_in: SignIn, choice: str, order: list[str]) -> None:
    alice, bob = sign_in(ALICE), sign_in(BOB)
    thread = begin(alice, f"Crossed letters: {choice}")
    open_thread(alice, thread)
    box(alice).fill("Alice: stop the tablets")
    write(bob, thread, "Bob: she feels better on them")
    send_button(alice).click()
    notice = alice.locator("#composer-notice")
    expect(notice).to_contain_text("New message arrived while you were writing")
    expect(notice).to_contain_text("Bob: she feels better on them")
    expect(notice.get_by_role("alert")).to_be_focused()
    expect(box(alice)).to_have_value("Alice: stop the tablets")
    expect(sent(alice, "Alice: stop the tablets")).to_have_count(0)
    notice.get_by_role("button", name=choice).click()
    expect(sent(alice, "Bob: she feels better on them")).to_be_visible()
    if choice == "Read it first":
        expect(sent(alice, "Alice: stop the tablets")).to_have_count(0)
        expect(box(alice)).to_have_value("Alice: stop the tablets")
        send_button(alice).click()
    expect(box(alice)).to_have_value("")
    is_there_once(alice, thread, "Alice: stop the tablets")
    texts = alice.locator("#messages .bubble__text").all_inner_texts()
    assert [text.partition(":")[0] for text in texts[-2:]] == order


def test_a_thread_closed_while_writing_gives_the_text_back(sign_in: SignIn) -> None:
    alice, bob = sign_in(ALICE), sign_in(BOB)
    thread = begin(alice, "Closed meanwhile")
    open_thread(alice, thread)
    box(alice).fill("One more thing")
    close(bob, thread)
    send_button(alice).click()
    expect(alice.get_by_text("This thread was closed while you were writing.")).to_be_visible()
    expect(alice.get_by_label("Your text")).to_have_value("One more thing")
    alice.get_by_role("button", name="Reopen and keep my text").click()
    expect(alice.get_by_text("The thread is open again.")).to_be_visible()
    expect(box(alice)).to_have_value("One more thing")
    expect(sent(alice, "One more thing")).to_have_count(0)
    send_button(alice).click()
    is_there_once(alice, thread, "One more thing")


def test_a_patient_whose_conversation_was_closed_meanwhile_keeps_the_text(sign_in: SignIn) -> None:
    alice, homer = sign_in(ALICE), sign_in(HOMER, phone=True)
    thread = begin(alice, "Closed for Homer")
    open_thread(homer, thread)
    box(homer).fill("It itches again")
    close(alice, thread)
    send_button(homer).tap()
    expect(homer.get_by_text("The clinic closed this conversation while you were writing.")).to_be_visible()
    expect(homer.get_by_label("Your text")).to_have_value("It itches again")
    expect(homer.get_by_role("link", name="Start a new message")).to_be_visible()


def test_two_tabs_of_one_person_send_one_message_each(sign_in: SignIn) -> None:
    first = sign_in(ALICE)
    thread = begin(first, "Two tabs")
    second = first.context.new_page()
    for page in (first, second):
        open_thread(page, thread)
    box(first).fill("From the first tab")
    box(second).fill("From the second tab")
    send_button(second).click()
    expect(sent(second, "From the second tab")).to_have_count(1)
    expect(box(first)).to_have_value("From the first tab")
    send_button(first).click()
    expect(sent(first, "From the first tab")).to_have_count(1)
    is_there_once(first, thread, "From the first tab")
    expect(sent(first, "From the second tab")).to_have_count(1)


def test_back_and_the_same_form_again_make_one_message(sign_in: SignIn) -> None:
    alice = sign_in(ALICE, java_script_enabled=False)
    thread = begin(alice, "Back and again")
    alice.goto(thread.path)
    posted: list[Request] = []
    alice.on("request", lambda request: posted.append(request) if request.method == "POST" else None)
    alice.get_by_role("textbox", name="Message").fill("Sent from an old form")
    alice.get_by_role("button", name=re.compile("^Send")).click()
    alice.wait_for_url("**#m-*")
    alice.goto("/threads/")
    alice.go_back()
    alice.go_back()
    body = posted[0].post_data or ""
    fields = [(name, value) for name, value in re.findall(r"(client_id|text|kind)=([^&]*)", body)]
    for _again in range(2):
        post(alice, f"{thread.path}messages/", [(name, value.replace("+", " ")) for name, value in fields])
    alice.goto(thread.path)
    expect(sent(alice, "Sent from an old form")).to_have_count(1)


def test_reload_after_sending_sends_nothing_again(sign_in: SignIn) -> None:
    alice = sign_in(ALICE, java_script_enabled=False)
    thread = begin(alice, "Reloaded")
    alice.goto(thread.path)
    alice.get_by_role("textbox", name="Message").fill("Reload me")
    alice.get_by_role("button", name=re.compile("^Send")).click()
    alice.wait_for_url("**#m-*")
    alice.reload()
    expect(sent(alice, "Reload me")).to_have_count(1)
    expect(alice.get_by_role("textbox", name="Message")).to_have_value("")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("   ", "Write a message"),
        ("x" * 100_001, "100"),
        ("before\x00after", "NUL"),
    ],
    ids=["empty", "over the limit", "with NUL"],
)
def test_what_can_not_be_sent_says_why_and_stays(sign_in: SignIn, text: str, reason: str) -> None:
    alice = sign_in(ALICE)
    thread = begin(alice, "Refused")
    open_thread(alice, thread)
    box(alice).evaluate("(field, text) => { field.value = text }", text)
    send_button(alice).click()
    notice = alice.locator("#composer-notice").get_by_role("alert")
    expect(notice).to_contain_text(NOT_SENT)
    expect(notice).to_contain_text(reason)
    expect(notice).to_be_focused()
    expect(box(alice)).to_have_attribute("aria-invalid", "true")
    # A page can not hold NUL: a browser reads it as the sign for a character that is none.
    expect(box(alice)).to_have_value(text.replace("\x00", "\ufffd"))
    expect(pending(alice)).to_have_count(0)
    alice.goto(thread.path)
    expect(alice.locator("#messages .message")).to_have_count(1)
