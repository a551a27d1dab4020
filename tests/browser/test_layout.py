"""Layout beside the usual: enlarged, narrow, from right to left, without motion; and the picture in the README."""

import pytest
from playwright.sync_api import Page, expect

from .conftest import ALICE, HOMER, ROOT, SAM, SignIn
from .conversations import begin, box, send_button, sent, write
from .layout import overflowing, sideways

pytestmark = pytest.mark.browser
CLINIC = ("/threads/", "/threads/homer-simpson-lab-tests/", "/threads/new/", "/threads/homer-simpson-lab-tests/people/")
PORTAL = ("/threads/", "/threads/homer-simpson-lab-tests/", "/threads/new/")
LATE = """() => [...document.querySelectorAll("*")].filter((one) => {
  const { transitionDuration, animationName, animationDuration, scrollBehavior } = getComputedStyle(one);
  const moves = animationName !== "none" && parseFloat(animationDuration) > 0.001;
  return parseFloat(transitionDuration) > 0 || moves || scrollBehavior === "smooth";
}).map((one) => one.className)"""


def test_the_picture_in_the_readme(sign_in: SignIn) -> None:
    alice = sign_in(ALICE, reduced_motion="reduce")
    alice.goto("/threads/?tag=lab-results")
    alice.locator(".thread-row", has_text="Biopsy result").first.get_by_role("link").click()
    expect(alice.get_by_role("heading", name="Biopsy result")).to_be_visible()
    expect(alice.locator("#patient").get_by_role("heading", name="Other threads")).to_be_visible()
    alice.wait_for_load_state("networkidle")
    alice.screenshot(path=ROOT / "docs" / "inbox.png", caret="initial")
    for part in ("#threads", "#conversation", "#patient"):
        expect(alice.locator(part)).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize(("email", "paths"), [(ALICE, CLINIC), (HOMER, PORTAL)], ids=["clinic", "portal"])
def test_nothing_is_wider_than_the_window(sign_in: SignIn, email: str, paths: tuple[str, ...]) -> None:
    page = sign_in(email)
    for path in paths:
        page.goto(path)
        for width in (320, 390, 720, 1080, 1280, 1920):
            page.set_viewport_size({"width": width, "height": 800})
            assert sideways(page) == 0, (path, width)
            for area in ("#rows", "[data-timeline]", ".pane", "#patient"):
                if page.locator(area).filter(visible=True).count():
                    assert overflowing(page, area) <= 0, (path, width, area)


def test_enlarged_to_200_percent_everything_can_be_reached(sign_in: SignIn) -> None:
    alice = sign_in(ALICE, viewport={"width": 720, "height": 450}, device_scale_factor=2)
    thread = begin(alice, "Enlarged")
    alice.goto("/threads/")
    alice.locator(".thread-row__link").first.click()
    expect(alice.get_by_role("heading", name=thread.topic)).to_be_visible()
    expect(box(alice)).to_be_in_viewport()
    box(alice).fill("Large letters")
    expect(send_button(alice)).to_be_in_viewport(ratio=1)
    send_button(alice).click()
    expect(sent(alice, "Large letters")).to_be_in_viewport()
    alice.locator("#conversation").get_by_role("link", name="Homer Simpson").first.click()
    expect(alice.locator("#patient").get_by_role("heading", name="Homer Simpson")).to_be_in_viewport()
    alice.get_by_role("link", name="Close the panel").click()
    expect(box(alice)).to_be_in_viewport()
    alice.get_by_role("link", name="Back to the list").click()
    expect(alice.locator(".thread-row").first).to_be_in_viewport()
    assert sideways(alice) == 0


def left(page: Page, selector: str) -> float:
    place = page.locator(selector).first.bounding_box()
    assert place is not None
    return place["x"]


def test_from_right_to_left_everything_is_mirrored(sign_in: SignIn) -> None:
    alice = sign_in(ALICE)
    alice.goto("/threads/homer-simpson-lab-tests/")
    panes = ("nav.rail", "#threads", "#conversation", "#patient")
    assert sorted(panes, key=lambda pane: left(alice, pane)) == list(panes)
    mine, theirs = ".message--mine .bubble", ".message:not(.message--mine) .bubble"
    assert left(alice, mine) > left(alice, theirs)
    alice.evaluate("document.documentElement.dir = 'rtl'")
    assert sorted(panes, key=lambda pane: -left(alice, pane)) == list(panes)
    assert left(alice, mine) < left(alice, theirs)
    assert sideways(alice) == 0
    homer = sign_in(HOMER, phone=True)
    homer.goto("/threads/homer-simpson-lab-tests/")
    homer.evaluate("document.documentElement.dir = 'rtl'")
    assert left(homer, mine) < left(homer, theirs)
    assert sideways(homer) == 0


def test_who_wants_no_motion_gets_none(sign_in: SignIn) -> None:
    alice = sign_in(ALICE)
    alice.goto("/threads/homer-simpson-lab-tests/")
    assert alice.evaluate(LATE) != []
    alice.emulate_media(reduced_motion="reduce")
    assert alice.evaluate(LATE) == []


def test_a_thread_opens_at_its_unread_line(sign_in: SignIn) -> None:
    alice, homer = sign_in(ALICE), sign_in(HOMER, phone=True)
    thread = begin(alice, "A long unread story", "Message 0")
    homer.goto(thread.path)
    homer.goto("/threads/")
    for number in range(1, 30):
        write(alice, thread, f"Message {number}")
    homer.goto(thread.path)
    expect(homer.locator("#unread")).to_be_in_viewport()
    expect(sent(homer, "Message 29")).not_to_be_in_viewport()


def test_the_supervisor_sees_that_she_can_only_read(sign_in: SignIn) -> None:
    sam = sign_in(SAM)
    sam.goto("/threads/homer-simpson-lab-tests/")
    expect(sam.get_by_text("You can read this thread; you can not write in it.")).to_be_in_viewport()
    expect(sam.get_by_role("textbox")).to_have_count(0)
