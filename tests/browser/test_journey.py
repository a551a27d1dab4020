"""The whole journey, in a real browser: five people and one conversation."""

import re

import pytest
from playwright.sync_api import Page, expect

from .conftest import ALICE, BOB, CHARLIE, HOMER, SAM, SignIn

pytestmark = pytest.mark.browser
NOTE = "Ask the dietician before we raise the dose"


def start_thread(page: Page, topic: str, text: str, people: list[str], patient: str = "Homer Simpson") -> str:
    """Write a new thread through the form; gives its id."""
    page.goto("/threads/new/")
    page.get_by_label("Find a patient by name").fill(patient.split()[0])
    page.get_by_role("radio", name=re.compile(patient)).check()
    for person in people:
        page.get_by_label("Find people by name").fill(person)
        page.get_by_role("checkbox", name=re.compile(person)).check()
    page.get_by_label("Topic", exact=True).fill(topic)
    page.get_by_label("First message").fill(text)
    page.get_by_role("button", name=re.compile("^Send")).click()
    expect(page.get_by_role("heading", name=topic)).to_be_visible()
    found = re.search(r"/threads/([0-9a-f-]{36})/", page.url)
    assert found is not None
    return found[1]


def send(page: Page, text: str) -> None:
    page.get_by_role("textbox", name=re.compile("^(Message|Your answer)$")).fill(text)
    page.get_by_role("button", name=re.compile("^Send")).click()
    expect(page.locator("#messages .message:not([data-pending])", has_text=text)).to_be_visible()


def test_a_conversation_is_held_read_and_overseen(sign_in: SignIn) -> None:
    alice, bob, homer, sam, charlie = (
        sign_in(ALICE),
        sign_in(BOB),
        sign_in(HOMER, phone=True),
        sign_in(SAM),
        sign_in(CHARLIE),
    )
    thread = start_thread(alice, "HbA1c in February", "Hello Homer, please come fasting.", ["Bob"])

    homer.goto("/threads/")
    row = homer.locator(".thread-row", has_text="HbA1c in February")
    expect(row).to_have_class(re.compile("thread-row--unread"))
    row.get_by_role("link").click()
    expect(homer.get_by_text("Hello Homer, please come fasting.")).to_be_visible()
    send(homer, "May I drink coffee before?")
    homer.goto("/threads/")
    expect(homer.locator(".thread-row", has_text="HbA1c in February")).not_to_have_class(re.compile("unread"))

    bob.goto(f"/threads/{thread}/")
    expect(bob.get_by_text("May I drink coffee before?").last).to_be_visible()
    bob.locator("label.tabs__tab", has_text="Internal note").click()
    bob.get_by_role("textbox", name="Message").fill(NOTE)
    bob.get_by_role("button", name=re.compile("^Post")).click()
    posted = bob.locator(".message--internal:not([data-pending])", has_text=NOTE)
    expect(posted).to_contain_text("Internal")

    for path in ("/threads/", f"/threads/{thread}/", "/threads/?status=closed", f"/threads/{thread}/messages/"):
        homer.goto(path)
        assert NOTE not in homer.content()
        assert "Internal" not in homer.content()

    alice.goto(f"/threads/{thread}/")
    expect(alice.get_by_text(NOTE).last).to_be_visible()
    alice.locator("details.menu summary.status").click()
    alice.get_by_role("button", name="Close this thread").click()
    expect(alice.get_by_text("This thread is closed.")).to_be_visible()

    homer.goto("/threads/?status=closed")
    expect(homer.locator(".thread-row", has_text="HbA1c in February")).to_contain_text("Closed")
    homer.goto(f"/threads/{thread}/")
    expect(homer.get_by_text("The clinic has closed this conversation.")).to_be_visible()
    expect(homer.get_by_role("textbox")).to_have_count(0)

    sam.goto(f"/threads/{thread}/")
    expect(sam.locator("#messages").get_by_text(NOTE)).to_be_visible()
    refuses_every_change(sam, thread)

    assert charlie.goto(f"/threads/{thread}/").status == 404  # type: ignore[union-attr]
    hidden = charlie.content()
    charlie.goto("/threads/00000000-0000-4000-8000-000000000000/")
    assert without_token(charlie.content()) == without_token(hidden)


def refuses_every_change(page: Page, thread: str) -> None:
    """No control on the page, and no way by a request made by hand either."""
    expect(page.get_by_role("textbox")).to_have_count(0)
    for name in ("Send", "Post", "Close this thread", "Reopen", "New message"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
        expect(page.get_by_role("link", name=name)).to_have_count(0)
    token = next(one["value"] for one in page.context.cookies() if one["name"] == "csrftoken")
    form = {"text": "x", "client_id": "6f9619ff-8b86-4011-b42d-00c04fc964ff", "person": "Practitioner/sam"}
    form |= {"anyway": "1", "topic": "x", "people": "Patient/homer-simpson", "kind": "reply"}
    changes = ("messages", "close", "reopen", "people", "people/remove", "leave")
    urls = [f"/threads/{thread}/{change}/" for change in changes] + ["/threads/new/"]
    for url in urls:
        answer = page.request.post(url, form={**form, "csrfmiddlewaretoken": token}, headers={"Referer": page.url})
        assert answer.status == 403, (url, answer.status)
    note = page.request.post(
        f"/threads/{thread}/notes/",
        form={**form, "kind": "note", "csrfmiddlewaretoken": token},
        headers={"Referer": page.url},
    )
    assert note.status == 403


def without_token(html: str) -> str:
    return re.sub(r'value="[A-Za-z0-9]{64}"', "", html)
