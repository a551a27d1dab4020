"""Show FHIR in a browser: the way there and back, versions side by side, copying, and boxes that scroll."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from .conftest import ALICE, DESKTOP, HOMER, PHONE, SAM, SignIn
from .conversations import KEN, Begun, add, begin, close
from .layout import overflowing, sideways

pytestmark = pytest.mark.browser
LONG = "A very long line " * 60
SCROLLED = """(box) => new Promise((done) => {
  if (box.scrollLeft > 0) done();
  else box.addEventListener("scroll", () => done(), { once: true });
})"""


def record(thread: Begun) -> str:
    return f"/record/Communication/{thread.id}/"


def with_versions(page: Page, topic: str) -> Begun:
    """A thread that has been changed in more than one way."""
    thread = begin(page, topic, LONG)
    add(page, thread, KEN)
    close(page, thread)
    return thread


def test_from_a_thread_to_its_versions_and_back_without_javascript(sign_in: SignIn) -> None:
    alice = sign_in(ALICE, java_script_enabled=False)
    thread = with_versions(alice, "Shown as FHIR")
    alice.goto(thread.path)
    alice.locator("summary.status").click()
    alice.get_by_role("link", name="Show FHIR", exact=True).click()
    expect(alice).to_have_url(re.compile(f"{record(thread)}$"))
    expect(alice.locator(".code")).to_contain_text('"status": "completed"')
    expect(alice.get_by_role("button", name="Copy")).to_be_hidden()
    alice.get_by_role("link", name="Compare with version 1", exact=True).click()
    expect(alice.locator("del", has_text='"status": "in-progress"')).to_contain_text("−")
    expect(alice.locator("ins", has_text='"status": "completed"')).to_contain_text("+")
    expect(alice.locator("ins", has_text="Practitioner/dietitian-ken-tanaka")).to_be_visible()
    alice.get_by_role("link", name="Show all", exact=True).click()
    expect(alice.locator(".code__fold")).to_have_count(0)
    alice.get_by_role("link", name="Stop comparing").click()
    alice.get_by_role("link", name="Show version 1", exact=True).click()
    expect(alice.locator(".conversation__about")).to_contain_text("Version 1, an earlier one")
    expect(alice.locator(".code")).to_contain_text('"status": "in-progress"')
    alice.get_by_role("link", name="Back to the conversation").click()
    expect(alice.get_by_role("heading", name=thread.topic)).to_be_visible()


def test_references_and_lists_lead_from_one_resource_to_the_next(sign_in: SignIn) -> None:
    alice = sign_in(ALICE)
    thread = begin(alice, "Led on")
    alice.goto(record(thread))
    alice.get_by_role("link", name="Messages of this thread").click()
    alice.locator(".record__rows a").first.click()
    expect(alice.locator(".code")).to_contain_text("Good morning.")
    alice.locator(".code").get_by_role("link", name=f'"Communication/{thread.id}"').click()
    expect(alice.locator("h1")).to_contain_text(thread.id)
    alice.get_by_role("link", name="Its Tasks").click()
    alice.locator(".record__rows a").first.click()
    expect(alice.locator("h1")).to_contain_text("Task")
    alice.locator(".code").get_by_role("link", name='"Practitioner/nurse-bob-miller"').or_(
        alice.locator(".code").get_by_role("link", name='"Patient/homer-simpson"')
    ).first.click()
    expect(alice.locator(".code")).to_contain_text('"name"')


def test_the_whole_json_is_copied(sign_in: SignIn) -> None:
    alice = sign_in(ALICE)
    alice.context.grant_permissions(["clipboard-read", "clipboard-write"])
    thread = begin(alice, "Copied", "x" * 9_000)
    alice.goto(f"/record/Communication/?part-of=Communication/{thread.id}")
    alice.locator(".record__rows a").first.click()
    expect(alice.locator(".code__cut")).to_contain_text("more letters")
    alice.get_by_role("button", name="Copy").click()
    expect(alice.get_by_role("status").filter(has_text="Copied")).to_be_visible()
    copied = json.loads(alice.evaluate("navigator.clipboard.readText()"))
    assert copied == alice.request.get(f"{alice.url}?format=json").json()
    assert copied["payload"][0]["contentString"] == "x" * 9_000


def test_what_could_not_be_copied_says_so(sign_in: SignIn) -> None:
    alice = sign_in(ALICE)
    alice.context.grant_permissions(["clipboard-read", "clipboard-write"])
    alice.goto(record(begin(alice, "Not copied")))
    alice.context.clear_cookies()
    alice.get_by_role("button", name="Copy").click()
    expect(alice.get_by_role("status").filter(has_text="Not copied")).to_be_visible()


def test_the_json_is_downloaded_as_a_file(sign_in: SignIn) -> None:
    alice = sign_in(ALICE)
    thread = begin(alice, "Downloaded")
    alice.goto(record(thread))
    with alice.expect_download() as download:
        alice.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == f"Communication-{thread.id}.json"
    assert json.loads(download.value.path().read_text(encoding="utf-8"))["topic"]["text"] == thread.topic


def test_a_message_is_shown_by_keyboard_and_its_long_line_scrolls_in_its_box(sign_in: SignIn) -> None:
    alice = sign_in(ALICE)
    thread = begin(alice, "By keyboard", LONG)
    alice.goto(thread.path)
    link = alice.locator(".message__record").last
    link.focus()
    expect(link).to_have_css("opacity", "1")
    alice.keyboard.press("Enter")
    box = alice.locator(".code")
    expect(box).to_contain_text("A very long line")
    box.focus()
    alice.keyboard.press("ArrowRight")
    box.evaluate(SCROLLED)
    assert sideways(alice) == 0


def test_a_tap_on_a_message_shows_the_way_to_it_on_a_phone(sign_in: SignIn) -> None:
    alice = sign_in(ALICE, phone=True)
    thread = begin(alice, "Tapped")
    alice.goto(thread.path)
    link = alice.locator(".message__record").last
    expect(link).to_have_css("pointer-events", "none")
    alice.locator(".message .bubble").last.tap()
    expect(link).to_have_css("opacity", "1")
    link.tap()
    expect(alice).to_have_url(re.compile("/record/Communication/"))


def test_no_page_is_wider_than_the_window_only_the_box_is(sign_in: SignIn) -> None:
    alice = sign_in(ALICE)
    thread = with_versions(alice, "Narrow")
    messages = f"/record/Communication/?part-of=Communication/{thread.id}"
    for path in (
        record(thread),
        f"{record(thread)}?with=1",
        messages,
        f"/record/Task/?focus=Communication/{thread.id}",
    ):
        alice.goto(path)
        for width in (320, 390, 720, 1080, 1280, 1920):
            alice.set_viewport_size({"width": width, "height": 800})
            assert sideways(alice) == 0, (path, width)
            for area in (".record__body", ".record__side", ".bar"):
                if alice.locator(area).filter(visible=True).count():
                    assert overflowing(alice, area) <= 0, (path, width, area)
    alice.set_viewport_size(PHONE)
    alice.goto(record(thread))
    assert overflowing(alice, ".code") > 0
    alice.locator("#versions").scroll_into_view_if_needed()
    expect(alice.locator("#versions")).to_be_in_viewport()
    alice.set_viewport_size(DESKTOP)
    expect(alice.locator("#versions")).to_be_in_viewport()


def test_who_only_reads_has_a_way_to_it_and_a_patient_has_none(sign_in: SignIn) -> None:
    sam, homer = sign_in(SAM), sign_in(HOMER, phone=True)
    for page in (sam, homer):
        page.goto("/threads/homer-simpson-lab-tests/")
    sam.locator("summary.status").click()
    expect(sam.locator(".menu__list").get_by_role("link", name="Show FHIR", exact=True)).to_be_visible()
    expect(homer.locator("a[href^='/record/']")).to_have_count(0)
    homer.goto("/record/Communication/homer-simpson-lab-tests/")
    expect(homer.locator(".code")).to_contain_text("Communication")
    expect(homer.get_by_role("navigation")).to_have_count(0)
