"""The whole inbox without JavaScript: links and forms do it all."""

import re

import pytest
from playwright.sync_api import Page, expect

from .conftest import ALICE, BOB, HOMER, MARGE, SignIn, fill_login
from .conftest import Server as Clinic
from .conversations import Begun, begin, sent, write

pytestmark = pytest.mark.browser
LIST = re.compile(r"/threads/\??$")


def plain(sign_in: SignIn, email: str, *, phone: bool = False) -> Page:
    return sign_in(email, phone=phone, java_script_enabled=False)


def test_signing_in_and_out(visit: SignIn, server: Clinic) -> None:
    page = visit(java_script_enabled=False)
    page.goto("/threads/?status=closed")
    page.get_by_label("E-mail").fill(BOB)
    page.get_by_label("Password", exact=True).fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").first).to_contain_text("E-mail or password is wrong.")
    expect(page.get_by_label("E-mail")).to_have_value(BOB)
    fill_login(page, BOB, server.password)
    expect(page).to_have_url(re.compile(r"/threads/\?status=closed$"))
    page.locator("summary.rail__me").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto("/threads/")
    expect(page).to_have_url(re.compile("/accounts/login/"))


def test_tabs_filters_and_pages_of_the_list(sign_in: SignIn) -> None:
    alice = plain(sign_in, ALICE)
    rows = alice.locator(".thread-row")
    first = rows.first.inner_text()
    alice.get_by_role("link", name="Load more").click()
    expect(alice).to_have_url(re.compile("after="))
    assert rows.first.inner_text() != first
    alice.get_by_role("link", name="Back to the newest").click()
    expect(alice).to_have_url(LIST)
    assert rows.first.inner_text() == first
    alice.get_by_role("link", name="Closed", exact=True).click()
    expect(alice).to_have_url(re.compile(r"\?status=closed$"))
    expect(rows.first.locator(".status--closed")).to_be_visible()
    alice.get_by_role("link", name="All", exact=True).click()
    expect(alice.get_by_role("heading", name="All")).to_be_visible()
    alice.get_by_role("link", name="Mine").click()
    expect(alice).to_have_url(re.compile("status=closed"))
    alice.get_by_role("link", name="Open", exact=True).click()
    alice.get_by_role("link", name="Unread", exact=True).click()
    expect(alice.locator(".thread-row:not(.thread-row--unread)")).to_have_count(0)
    alice.get_by_role("link", name="Unread remove this filter").click()
    alice.locator("summary", has_text="Tag").click()
    alice.get_by_role("link", name="Lab results", exact=True).click()
    expect(alice).to_have_url(re.compile(r"\?tag=lab-results$"))
    assert rows.count() == alice.locator(".thread-row .chip", has_text="Lab results").count() > 0
    alice.get_by_role("link", name="Lab results remove this filter").click()
    expect(alice).to_have_url(LIST)


def test_open_answer_and_note(sign_in: SignIn) -> None:
    alice = plain(sign_in, ALICE)
    thread = begin(alice, "Without scripts")
    alice.goto("/threads/")
    alice.get_by_role("link", name=re.compile(thread.topic)).first.click()
    box = alice.get_by_role("textbox", name="Message")
    box.fill("Please rest.\nAnd drink.")
    alice.get_by_role("button", name=re.compile("^Send")).click()
    expect(sent(alice, "Please rest. And drink.")).to_be_visible()
    expect(box).to_have_value("")
    alice.locator("label.tabs__tab", has_text="Internal note").click()
    expect(alice.get_by_role("button", name=re.compile("^Send"))).to_be_hidden()
    box.fill("He will not rest.")
    alice.get_by_role("button", name=re.compile("^Post")).click()
    expect(alice.locator(".message--internal", has_text="He will not rest.")).to_contain_text("Internal")
    homer = plain(sign_in, HOMER, phone=True)
    homer.goto(thread.path)
    expect(sent(homer, "Please rest. And drink.")).to_be_visible()
    assert "He will not rest." not in homer.content()
    homer.get_by_role("textbox", name="Your answer").fill("I rest all day.")
    homer.get_by_role("button", name="Send").click()
    expect(sent(homer, "I rest all day.")).to_be_visible()


def test_older_messages_and_the_rest_of_the_patient_panel(sign_in: SignIn) -> None:
    alice = plain(sign_in, ALICE)
    thread = begin(alice, "Long without scripts", "Message 0")
    for number in range(1, 52):
        write(alice, thread, f"Message {number}")
    alice.goto(thread.path)
    expect(sent(alice, "Message 51")).to_be_visible()
    expect(sent(alice, "Message 0")).to_have_count(0)
    alice.get_by_role("link", name="Older messages").click()
    expect(sent(alice, "Message 0")).to_be_visible()
    expect(sent(alice, "Message 51")).to_have_count(0)
    alice.goto(thread.path)
    alice.get_by_role("link", name="Care team and other threads").click()
    expect(alice.locator("#patient").get_by_role("heading", name="Care team")).to_be_visible()
    expect(alice.locator("#patient").get_by_text("Ken Tanaka")).to_be_visible()


def test_a_refused_message_a_crossed_one_and_a_late_one_keep_the_text(sign_in: SignIn) -> None:
    alice, bob = plain(sign_in, ALICE), plain(sign_in, BOB)
    thread = begin(alice, "Kept without scripts")
    alice.goto(thread.path)
    box = alice.get_by_role("textbox", name="Message")
    send = alice.get_by_role("button", name=re.compile("^Send"))
    box.fill("y" * 100_001)
    send.click()
    expect(alice.get_by_role("alert").first).to_contain_text("Not sent")
    expect(box).to_have_value("y" * 100_001)
    box.fill("Short enough now")
    write(bob, thread, "Bob was faster")
    send.click()
    expect(alice.get_by_role("alert").first).to_contain_text("Bob was faster")
    alice.get_by_role("button", name="Read it first").click()
    expect(box).to_have_value("Short enough now")
    write(bob, thread, "Bob was faster again")
    alice.locator("[data-send]:visible").click()
    alice.get_by_role("button", name="Send anyway").click()
    expect(sent(alice, "Short enough now")).to_have_count(1)
    expect(sent(alice, "Bob was faster again")).to_have_count(1)
    box.fill("Too late")
    closes(bob, thread)
    alice.get_by_role("button", name=re.compile("^Send")).click()
    expect(alice.get_by_text("This thread was closed while you were writing.")).to_be_visible()
    alice.get_by_role("button", name="Reopen and keep my text").click()
    expect(box).to_have_value("Too late")


def closes(page: Page, thread: Begun) -> None:
    page.goto(thread.path)
    page.locator("summary.status").click()
    page.get_by_role("button", name="Close this thread").click()
    expect(page.get_by_text("This thread is closed.")).to_be_visible()


def test_close_reopen_and_people(sign_in: SignIn) -> None:
    alice, bob = plain(sign_in, ALICE), plain(sign_in, BOB)
    thread = begin(alice, "People without scripts")
    closes(alice, thread)
    alice.get_by_role("button", name="Reopen", exact=True).click()
    expect(alice.get_by_role("textbox", name="Message")).to_be_visible()
    alice.locator("a.avatars").click()
    alice.get_by_role("searchbox", name="Name").fill("tanaka")
    alice.get_by_role("button", name="Find").click()
    expect(alice.get_by_role("searchbox", name="Name")).to_have_value("tanaka")
    alice.get_by_role("button", name="Add Ken Tanaka").click()
    expect(alice.get_by_text("Ken Tanaka takes part from now on.")).to_be_visible()
    alice.get_by_role("button", name="Remove Ken Tanaka").click()
    expect(alice.get_by_text("The person is removed.")).to_be_visible()
    expect(alice.get_by_role("button", name="Remove Ken Tanaka")).to_have_count(0)
    bob.goto(f"{thread.path}people/")
    bob.get_by_role("button", name="Leave").click()
    expect(bob.get_by_text("You left the thread.")).to_be_visible()
    alice.get_by_role("link", name="Back to the conversation").click()
    for line in ("You added Ken Tanaka|Dr. Alice Smith added Ken Tanaka", "Bob Miller left"):
        expect(alice.locator(".event", has_text=re.compile(line))).to_be_visible()


def test_compose_finds_people_by_buttons_and_keeps_what_is_typed(sign_in: SignIn) -> None:
    alice = plain(sign_in, ALICE)
    alice.get_by_role("link", name="New message").first.click()
    alice.get_by_label("Topic", exact=True).fill("Typed before searching")
    alice.get_by_label("First message").fill("Kept?\nYes.")
    alice.get_by_role("checkbox", name="Vaccination").check()
    alice.get_by_label("Find a patient by name").fill("homer")
    alice.get_by_role("button", name="Find").first.click()
    alice.get_by_role("radio", name=re.compile("Homer Simpson")).check()
    alice.get_by_label("Find people by name").fill("bob")
    alice.get_by_role("button", name="Find").last.click()
    expect(alice.get_by_role("radio", name=re.compile("Homer Simpson"))).to_be_checked()
    alice.get_by_role("checkbox", name=re.compile("Bob Miller")).check()
    alice.get_by_label("Find people by name").fill("tanaka")
    alice.get_by_role("button", name="Find").last.click()
    expect(alice.get_by_role("checkbox", name=re.compile("Bob Miller"))).to_be_checked()
    alice.get_by_role("checkbox", name=re.compile("Ken Tanaka")).check()
    expect(alice.get_by_label("Topic", exact=True)).to_have_value("Typed before searching")
    expect(alice.get_by_label("First message")).to_have_value("Kept?\nYes.")
    expect(alice.get_by_role("checkbox", name="Vaccination")).to_be_checked()
    alice.get_by_role("button", name=re.compile("^Send")).click()
    expect(alice.get_by_role("heading", name="Typed before searching")).to_be_visible()
    for name in ("Homer Simpson", "Bob Miller", "Ken Tanaka"):
        expect(alice.locator(".strip")).to_contain_text(name)


def test_an_incomplete_new_thread_says_what_is_missing_and_keeps_the_rest(sign_in: SignIn) -> None:
    alice = plain(sign_in, ALICE)
    alice.goto("/threads/new/")
    alice.get_by_label("First message").fill("A text without anybody to read it")
    alice.get_by_role("button", name=re.compile("^Send")).click()
    expect(alice.get_by_role("alert").first).to_contain_text("2 things are not right yet")
    expect(alice.get_by_label("First message")).to_have_value("A text without anybody to read it")
    expect(alice.get_by_label("Topic", exact=True)).to_have_attribute("aria-invalid", "true")
    alice.get_by_role("link", name="Choose at least one person.").click()
    expect(alice).to_have_url(re.compile("#id_people$"))


def test_a_patient_writes_and_is_told_what_happens_next(sign_in: SignIn) -> None:
    homer = plain(sign_in, HOMER, phone=True)
    homer.get_by_role("link", name="Write a message").click()
    expect(homer.get_by_text("Not for emergencies")).to_be_visible()
    homer.get_by_label("Your message").fill("My ankle is swollen since Monday.")
    homer.get_by_role("button", name="Send to the clinic").click()
    expect(homer.get_by_role("alert").first).to_contain_text("One thing is not right yet")
    expect(homer.get_by_label("Your message")).to_have_value("My ankle is swollen since Monday.")
    homer.get_by_label("What is it about?").fill("Swollen ankle")
    homer.get_by_role("button", name="Send to the clinic").click()
    expect(homer.get_by_role("heading", name="Your message is with the clinic")).to_be_visible()
    expect(homer.get_by_role("heading", name="What happens next")).to_be_visible()
    homer.get_by_role("link", name="Read it again").click()
    expect(sent(homer, "My ankle is swollen since Monday.")).to_be_visible()
    alice = plain(sign_in, ALICE)
    alice.goto("/threads/?scope=all")
    expect(alice.locator(".thread-row", has_text="Swollen ankle").first).to_be_visible()


def test_a_carer_can_write_for_everybody_whom_the_form_offers(sign_in: SignIn) -> None:
    marge = plain(sign_in, MARGE, phone=True)
    marge.goto("/threads/new/")
    choices = marge.locator("[name=patient]")
    assert choices.count() >= 1
    names = [value.split("|")[1] for value in choices.evaluate_all("(all) => all.map((one) => one.value)")]
    for name in names:
        marge.goto("/threads/new/")
        if len(names) > 1:
            marge.get_by_role("radio", name=name).check()
        marge.get_by_label("What is it about?").fill(f"A cough of {name}")
        marge.get_by_label("Your message").fill("Since yesterday evening.")
        marge.get_by_role("button", name="Send to the clinic").click()
        expect(marge.get_by_role("heading", name="Your message is with the clinic")).to_be_visible()
        marge.get_by_role("link", name="Read it again").click()
        expect(marge.get_by_text(f"about {name}")).to_be_visible()
