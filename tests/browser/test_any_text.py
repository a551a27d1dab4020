"""Texts that nobody expects: stored as they were typed, shown as text, and the layout holds."""

import pytest
from playwright.sync_api import expect

from .conftest import ALICE, DESKTOP, HOMER, PHONE, SignIn
from .conversations import begin, box, send_button
from .layout import overflowing, sideways

pytestmark = pytest.mark.browser
HOSTILE = '"><img src=x onerror="alert(1)"> <script>alert(2)</script> {{ 7*7 }} &lt;b&gt; \'; DROP TABLE x; --'
TEXTS = {
    "emoji": "👩🏽‍⚕️ says 👍🏿, see you at 🕘 – naïve café, ﷽",
    "right to left": "שלום אליס, איך את? مرحبا دكتورة, 120/80 mmHg \u202etxet desrever",
    "markup": HOSTILE,
    "spaces and lines": "  two spaces  before\n\n\n\tand a tab, three lines later  ",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_a_text_is_stored_as_typed_and_does_nothing(sign_in: SignIn, text: str) -> None:
    alice, homer = sign_in(ALICE), sign_in(HOMER, phone=True)
    thread = begin(alice, text.strip()[:40])
    alice.goto(thread.path)
    box(alice).fill(text)
    send_button(alice).click()
    expect(alice.locator("#messages .message:not([data-pending])")).to_have_count(2)
    for page in (alice, homer):
        page.goto(thread.path)
        assert page.locator("#messages .bubble__text").last.text_content() == text
        assert page.locator("#messages img, #messages script").count() == 0
        page.goto("/threads/")
        expect(page.locator(".thread-row__preview", has_text=" ".join(text.split())[:60]).first).to_be_visible()


def test_a_hostile_topic_and_search_are_only_text(sign_in: SignIn) -> None:
    alice = sign_in(ALICE)
    thread = begin(alice, HOSTILE, HOSTILE)
    alice.goto(thread.path)
    expect(alice.locator("#topic")).to_have_text(HOSTILE)
    assert HOSTILE in alice.title()
    alice.goto(f"{thread.path}people/")
    alice.get_by_role("searchbox", name="Name").fill(HOSTILE)
    expect(alice.get_by_text("Nobody else matches.")).to_be_visible()
    alice.get_by_role("button", name="Find").click()
    expect(alice.get_by_role("searchbox", name="Name")).to_have_value(HOSTILE)
    alice.goto("/threads/?tag=%22%3E%3Cscript%3Ealert(3)%3C/script%3E")
    expect(alice.get_by_text("Nothing matches")).to_be_visible()
    alice.goto("/threads/?patient=%22%3E%3Cscript%3Ealert(4)%3C/script%3E")
    expect(alice.get_by_role("heading", name="This address is not complete")).to_be_visible()


def test_a_hundred_thousand_characters_without_a_space_break_no_layout(sign_in: SignIn) -> None:
    alice, homer = sign_in(ALICE), sign_in(HOMER, phone=True)
    text = "Gesundheit" * 10_000
    thread = begin(alice, "W" * 200)
    alice.goto(thread.path)
    box(alice).fill(text)
    send_button(alice).click()
    expect(alice.locator("#messages .message:not([data-pending])")).to_have_count(2)
    for page in (alice, homer):
        for size in (DESKTOP, PHONE):
            page.set_viewport_size(size)
            page.goto(thread.path)
            bubble = page.locator("#messages .bubble__text").last
            assert bubble.text_content() == text
            assert sideways(page) == 0
            assert overflowing(page, "[data-timeline]") <= 0
            assert page.locator("#messages .bubble").last.bounding_box()["height"] < size["height"]  # type: ignore[index]
            page.locator("#messages .bubble__more summary").click()
            assert sideways(page) == 0
            assert overflowing(page, "[data-timeline]") <= 0
            page.goto("/threads/")
            assert sideways(page) == 0
            assert page.locator(".thread-row").first.bounding_box()["height"] < 250  # type: ignore[index]
            page.goto(f"{thread.path}people/")
            assert sideways(page) == 0
