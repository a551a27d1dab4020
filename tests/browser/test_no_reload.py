"""With JavaScript nothing loads the page anew: a mark that a test leaves in the window is still there afterwards."""

import re

import pytest
from playwright.sync_api import Page, Response, Route, expect

from .conftest import ALICE, BOB, SAM, SignIn
from .conversations import Begun, begin, box, send_button, sent, write

pytestmark = pytest.mark.browser
SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const { value, hadRecentInput, sources } of list.getEntries())
    if (!hadRecentInput) window.shifts.push([value, sources.map(({ node }) => node?.id || node?.className)]);
}).observe({ type: "layout-shift", buffered: true });
"""


LIST = re.compile(r"/threads/\??$")


def mark(page: Page) -> None:
    page.evaluate("window.mark = 'left by the test'")


def is_marked(page: Page) -> bool:
    return bool(page.evaluate("window.mark === 'left by the test'"))


def shifted(page: Page) -> float:
    """How much jumped without the reader's doing, by the measure of Cumulative Layout Shift."""
    return float(page.evaluate("window.shifts.reduce((sum, [value]) => sum + value, 0)"))


def long_thread(page: Page) -> Begun:
    """A thread with more messages than one page of them."""
    thread = begin(page, "A long story", "Message 0")
    for number in range(1, 56):
        write(page, thread, f"Message {number}")
    return thread


def test_filter_open_and_page_through_the_list_without_a_reload(sign_in: SignIn) -> None:
    alice = sign_in(ALICE)
    mark(alice)
    alice.get_by_role("link", name="Closed", exact=True).click()
    alice.wait_for_url("**/threads/?status=closed")
    expect(alice.get_by_role("link", name="Closed", exact=True)).to_have_attribute("aria-current", "page")
    rows = alice.locator(".thread-row")
    expect(rows).to_have_count(25)
    alice.get_by_role("link", name="Load more").click()
    expect(rows.nth(25)).to_be_attached()
    alice.get_by_role("link", name="Open", exact=True).click()
    alice.wait_for_url(LIST)
    alice.get_by_role("link", name="Unread", exact=True).click()
    alice.wait_for_url("**/threads/?unread=1")
    expect(alice.locator(".thread-row:not(.thread-row--unread)")).to_have_count(0)
    alice.get_by_role("link", name="Unread remove this filter").click()
    alice.wait_for_url(LIST)
    alice.locator("summary", has_text="Tag").click()
    alice.get_by_role("link", name="Lab results", exact=True).click()
    alice.wait_for_url("**/threads/?tag=*")
    alice.get_by_role("link", name="All", exact=True).click()
    alice.wait_for_url("**scope=all**")
    rows.first.get_by_role("link").click()
    alice.wait_for_url(re.compile(r"/threads/[\w-]+/"))
    expect(alice.locator("#conversation #topic")).to_be_visible()
    expect(rows.first.get_by_role("link")).to_have_attribute("aria-current", "true")
    assert is_marked(alice)
    alice.go_back()
    expect(alice.get_by_text("Choose a thread")).to_be_visible()


def test_send_and_older_messages_without_a_reload_and_without_losing_the_place(sign_in: SignIn) -> None:
    alice = sign_in(ALICE)
    thread = long_thread(alice)
    alice.goto(thread.path)
    mark(alice)
    expect(sent(alice, "Message 55")).to_be_in_viewport()
    expect(sent(alice, "Message 0")).to_have_count(0)
    box(alice).fill("And this is the end of it.")
    send_button(alice).click()
    expect(sent(alice, "And this is the end of it.")).to_be_in_viewport()
    alice.get_by_role("link", name="Older messages").scroll_into_view_if_needed()
    expect(sent(alice, "Message 0")).to_have_count(1)
    expect(sent(alice, "Message 6")).to_be_in_viewport()
    expect(sent(alice, "Message 0")).not_to_be_in_viewport()
    texts = alice.locator("[data-timeline] .bubble__text").all_inner_texts()
    assert texts == [*(f"Message {number}" for number in range(56)), "And this is the end of it."]
    expect(alice.locator("[data-timeline] .day")).to_have_count(1)
    newest = alice.get_by_role("button", name="Newest")
    newest.click()
    expect(sent(alice, "And this is the end of it.")).to_be_in_viewport()
    expect(newest).to_be_hidden()
    assert is_marked(alice)


def test_close_reopen_and_participants_without_a_reload(sign_in: SignIn) -> None:
    alice = sign_in(ALICE)
    thread = begin(alice, "Closed and opened")
    alice.goto(thread.path)
    mark(alice)
    alice.locator("summary.status").click()
    alice.get_by_role("button", name="Close this thread").click()
    expect(alice.get_by_text("This thread is closed.")).to_be_visible()
    alice.locator("#composer").get_by_role("button", name="Reopen").click()
    expect(alice.get_by_text("The thread is open again.")).to_be_visible()
    expect(box(alice)).to_be_visible()
    alice.locator("summary.status").click()
    alice.get_by_role("link", name="Add or remove people").click()
    alice.wait_for_url("**/people/")
    alice.get_by_role("searchbox", name="Name").fill("house")
    expect(alice.locator("#found")).to_contain_text("matches")
    alice.get_by_role("link", name="Back to the conversation").click()
    expect(box(alice)).to_be_visible()
    assert is_marked(alice)


def test_a_message_sent_moves_its_thread_up_and_an_opened_one_is_not_unread(sign_in: SignIn) -> None:
    alice, bob = sign_in(ALICE), sign_in(BOB)
    older = begin(bob, "Older thread", people=("Practitioner/doctor-alice-smith|Dr. Alice Smith|",))
    newer = begin(alice, "Newer thread")
    alice.goto("/threads/")
    badge = alice.locator(".rail__count--new")
    before = int(re.findall(r"\d+", badge.inner_text())[0])
    row = alice.locator(".thread-row", has_text=older.topic)
    expect(row).to_have_class(re.compile("thread-row--unread"))
    expect(alice.locator(".thread-row").first).to_contain_text(newer.topic)
    row.get_by_role("link").click()
    expect(row).not_to_have_class(re.compile("thread-row--unread"))
    expect(badge).to_contain_text(str(before - 1))
    box(alice).fill("I will look at it")
    send_button(alice).click()
    expect(alice.locator(".thread-row").first).to_contain_text("I will look at it")
    expect(alice.locator(".thread-row").first.get_by_role("link")).to_have_attribute("aria-current", "true")


def test_pages_and_answers_are_small(sign_in: SignIn) -> None:
    alice = sign_in(ALICE)
    thread = begin(alice, "Small")
    sizes: dict[str, int] = {}

    def weigh(response: Response) -> None:
        path = re.sub(r"[0-9a-f-]{36}", "id", response.url.partition("/threads/")[2])
        if response.ok and response.request.resource_type in ("document", "xhr"):
            sizes[path] = len(response.body())

    alice.goto("/threads/?scope=all")
    rows = alice.locator(".thread-row").count()
    alice.on("response", weigh)
    with alice.expect_response("**/threads/?scope=all"):
        alice.goto("/threads/?scope=all")
    with alice.expect_response("**/unread/"):
        alice.goto(thread.path)
        box(alice).fill("Ten words are not much, and this is a few more.")
        send_button(alice).click()
    expect(sent(alice, "Ten words are not much, and this is a few more.")).to_have_count(1)
    alice.wait_for_load_state("networkidle")
    assert rows == 25
    assert 10_000 < sizes["?scope=all"] <= 60_000
    assert 200 < sizes["id/messages/"] <= 5_000
    assert 20 < sizes["unread/"] <= 200


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_nothing_jumps_while_pages_load(sign_in: SignIn, phone: bool) -> None:
    alice = sign_in(ALICE, phone=phone)
    alice.context.add_init_script(SHIFTS)
    thread = alice.locator(".thread-row__link").first.get_attribute("href") or ""
    for path in ("/threads/", thread, "/threads/new/"):
        alice.goto(path)
        alice.wait_for_load_state("networkidle")
        assert shifted(alice) <= 0.02, (path, alice.evaluate("window.shifts"))


def test_nothing_else_moves_when_a_thread_is_opened_from_the_list(sign_in: SignIn) -> None:
    sam = sign_in(SAM)
    row = sam.locator(".thread-row").nth(3)
    before = row.bounding_box()
    row.get_by_role("link").click()
    expect(sam.locator("#topic")).to_be_visible()
    sam.wait_for_load_state("networkidle")
    assert row.bounding_box() == before


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_the_confirmed_message_takes_the_place_of_the_one_on_its_way(sign_in: SignIn, phone: bool) -> None:
    alice = sign_in(ALICE, phone=phone)
    thread = begin(alice, "Nothing jumps")
    alice.goto(thread.path)
    held: list[Route] = []
    alice.route("**/messages/", lambda route: held.append(route))
    box(alice).fill("Steady.")
    send_button(alice).click()
    pending = alice.locator("[data-pending] .bubble").bounding_box()
    held[0].continue_()
    expect(sent(alice, "Steady.")).to_have_count(1)
    confirmed = alice.locator("#messages .bubble").last.bounding_box()
    assert pending is not None and confirmed is not None
    assert abs(confirmed["x"] - pending["x"]) <= 2
    assert abs(confirmed["y"] - pending["y"]) <= 32
    assert confirmed["width"] == pending["width"]
    assert confirmed["height"] == pending["height"]
