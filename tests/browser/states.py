"""Every page of the product in every state that it has, by name: how somebody gets there."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from .conftest import ADMIN, ALICE, BOB, CHARLIE, HOMER, MARGE, SAM, SignIn, fill_login
from .conversations import BOB as BOB_MILLER
from .conversations import add, begin, box, close, post, send_button, sent, write

LAB_TESTS = "/threads/homer-simpson-lab-tests/"
KEN = "Practitioner/dietitian-ken-tanaka"
State = Callable[[SignIn, SignIn], Page]
STATES: dict[str, State] = {}


def state(go: State) -> State:
    """Enter a state in the list, under the words of its name."""
    STATES[go.__name__.replace("_", " ")] = go
    return go


def at(name: str, email: str, path: str, *, status: int = 200) -> None:
    """A state that is an address."""

    def go(sign_in: SignIn, visit: SignIn) -> Page:
        page = sign_in(email, phone=email in (HOMER, MARGE))
        answer = page.goto(path)
        assert answer is not None and answer.status == status
        return page

    STATES[name] = go


at("alice: nothing selected", ALICE, "/threads/")
at("alice: all, closed", ALICE, "/threads/?scope=all&status=closed")
at("alice: nothing matches", ALICE, "/threads/?tag=none")
at("alice: one patient", ALICE, "/threads/?scope=all&patient=Patient/homer-simpson")
at("alice: conversation", ALICE, LAB_TESTS)
at("alice: new message", ALICE, "/threads/new/")
at("alice: new message about a patient", ALICE, "/threads/new/?patient=Patient/homer-simpson")
at("alice: participants", ALICE, f"{LAB_TESTS}people/")
at("alice: people found", ALICE, f"{LAB_TESTS}people/?q=s")
at("alice: not found", ALICE, "/threads/nowhere/", status=404)
at("alice: a broken address", ALICE, "/threads/?patient=%22", status=400)
at("alice: signing out", ALICE, "/accounts/logout/")
at("alice: change of password", ALICE, "/accounts/password/change/")
at("bob: unread messages", BOB, "/threads/?unread=1")
at("sam: nothing selected", SAM, "/threads/")
at("sam: conversation", SAM, LAB_TESTS)
at("sam: refused", SAM, "/threads/new/", status=403)
at("charlie: nothing selected", CHARLIE, "/threads/")
at("charlie: somebody else's thread", CHARLIE, LAB_TESTS, status=404)
at("admin: nothing yet", ADMIN, "/threads/")
at("homer: list", HOMER, "/threads/")
at("homer: closed", HOMER, "/threads/?status=closed")
at("homer: nothing matches", HOMER, "/threads/?tag=none")
at("homer: conversation", HOMER, LAB_TESTS)
at("homer: new message", HOMER, "/threads/new/")
at("marge: list", MARGE, "/threads/")
at("marge: new message", MARGE, "/threads/new/")


@state
def sign_in_page(sign_in: SignIn, visit: SignIn) -> Page:
    page = visit()
    page.goto("/accounts/login/")
    return page


@state
def sign_in_with_a_wrong_password(sign_in: SignIn, visit: SignIn) -> Page:
    page = sign_in_page(sign_in, visit)
    page.get_by_label("E-mail").fill(SAM)
    page.get_by_label("Password", exact=True).fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    return page


@state
def password_forgotten(sign_in: SignIn, visit: SignIn) -> Page:
    page = visit()
    page.goto("/accounts/password/reset/")
    return page


@state
def password_mail_is_on_its_way(sign_in: SignIn, visit: SignIn) -> Page:
    page = password_forgotten(sign_in, visit)
    page.get_by_label("E-mail").fill("unknown@clinic.example")
    page.get_by_role("button", name="Send me a link").click()
    expect(page.get_by_role("heading", name="Look into your mailbox")).to_be_visible()
    return page


@state
def password_link_is_too_old(sign_in: SignIn, visit: SignIn) -> Page:
    page = visit()
    page.goto("/accounts/password/reset/key/1-abcdef-0123456789/")
    return page


@state
def alice_first_unread_conversation(sign_in: SignIn, visit: SignIn) -> Page:
    alice, bob = sign_in(ALICE), sign_in(BOB)
    thread = begin(bob, "Unread", people=("Practitioner/doctor-alice-smith|Dr. Alice Smith|",))
    write(bob, thread, "And one more.")
    alice.goto(thread.path)
    expect(alice.locator("#unread")).to_be_visible()
    return alice


@state
def alice_closed_conversation(sign_in: SignIn, visit: SignIn) -> Page:
    alice = sign_in(ALICE)
    thread = begin(alice, "Finished")
    close(alice, thread)
    alice.goto(thread.path)
    return alice


@state
def alice_menu_is_open(sign_in: SignIn, visit: SignIn) -> Page:
    alice = sign_in(ALICE)
    alice.goto(begin(alice, "With a menu").path)
    alice.locator("summary.status").click()
    return alice


@state
def alice_keys(sign_in: SignIn, visit: SignIn) -> Page:
    alice = sign_in(ALICE)
    alice.keyboard.press("?")
    expect(alice.get_by_role("dialog", name="Keys")).to_be_visible()
    return alice


@state
def alice_internal_note(sign_in: SignIn, visit: SignIn) -> Page:
    alice = sign_in(ALICE)
    alice.goto(begin(alice, "With a note").path)
    alice.locator("label.tabs__tab", has_text="Internal note").click()
    box(alice).fill("Is he on the waiting list?")
    alice.get_by_role("button", name=re.compile("^Post")).click()
    expect(alice.locator(".message--internal:not([data-pending])")).to_be_visible()
    box(alice).fill("The next one is typed already")
    return alice


@state
def alice_answers_one_message(sign_in: SignIn, visit: SignIn) -> Page:
    alice = sign_in(ALICE)
    alice.goto(begin(alice, "Answered").path)
    alice.locator(".message__answer").first.click()
    expect(alice.locator("#answering .quote")).to_be_visible()
    return alice


@state
def alice_message_not_sent(sign_in: SignIn, visit: SignIn) -> Page:
    alice = sign_in(ALICE)
    alice.goto(begin(alice, "Not sent").path)
    alice.context.set_offline(True)
    box(alice).fill("In the lift")
    send_button(alice).click()
    expect(alice.locator("[data-pending]").get_by_text("Not sent")).to_be_visible()
    alice.context.set_offline(False)
    return alice


@state
def alice_message_refused(sign_in: SignIn, visit: SignIn) -> Page:
    alice = sign_in(ALICE)
    alice.goto(begin(alice, "Refused").path)
    send_button(alice).click()
    expect(alice.locator("#composer-notice").get_by_role("alert")).to_be_visible()
    return alice


@state
def alice_message_not_seen_yet(sign_in: SignIn, visit: SignIn) -> Page:
    alice, bob = sign_in(ALICE), sign_in(BOB)
    thread = begin(alice, "Crossed")
    alice.goto(thread.path)
    write(bob, thread, "I have called him already.")
    box(alice).fill("Please call him.")
    send_button(alice).click()
    expect(alice.get_by_role("button", name="Read it first")).to_be_visible()
    return alice


@state
def alice_thread_closed_while_writing(sign_in: SignIn, visit: SignIn) -> Page:
    alice, bob = sign_in(ALICE), sign_in(BOB)
    thread = begin(alice, "Too late")
    alice.goto(thread.path)
    box(alice).fill("One more thing.")
    close(bob, thread)
    send_button(alice).click()
    expect(alice.get_by_role("button", name="Reopen and keep my text")).to_be_visible()
    return alice


@state
def alice_closes_what_she_has_not_read(sign_in: SignIn, visit: SignIn) -> Page:
    alice, bob = sign_in(ALICE), sign_in(BOB)
    thread = begin(alice, "Not read")
    alice.goto(thread.path)
    write(bob, thread, "Wait!")
    alice.locator("summary.status").click()
    alice.get_by_role("button", name="Close this thread").click()
    expect(alice.get_by_role("button", name="Close it anyway")).to_be_visible()
    return alice


@state
def alice_new_message_with_mistakes(sign_in: SignIn, visit: SignIn) -> Page:
    alice = sign_in(ALICE)
    alice.goto("/threads/new/")
    alice.get_by_label("Find a patient by name").fill("simpson")
    expect(alice.get_by_role("radio", name=re.compile("Homer"))).to_be_visible()
    alice.get_by_role("button", name=re.compile("^Send")).click()
    expect(alice.get_by_text("3 things are not right yet")).to_be_visible()
    return alice


@state
def alice_new_message_with_people(sign_in: SignIn, visit: SignIn) -> Page:
    alice = sign_in(ALICE)
    alice.goto("/threads/new/")
    alice.get_by_label("Find a patient by name").fill("simpson")
    alice.get_by_role("radio", name=re.compile("Homer")).check()
    alice.get_by_label("Find people by name").fill("b")
    alice.get_by_role("checkbox", name=re.compile("Bob Miller")).check()
    return alice


@state
def bob_participants_changed(sign_in: SignIn, visit: SignIn) -> Page:
    alice, bob = sign_in(ALICE), sign_in(BOB)
    thread = begin(alice, "Participants changed")
    bob.goto(f"{thread.path}people/?q=rossi")
    add(alice, thread, KEN)
    bob.get_by_role("button", name="Add Sofia Rossi").click()
    expect(bob.get_by_role("button", name="Add Sofia Rossi to the new list")).to_be_visible()
    return bob


@state
def alice_opened_by_mistake(sign_in: SignIn, visit: SignIn) -> Page:
    alice = sign_in(ALICE)
    alice.goto(f"{begin(alice, 'By mistake').path}mistake/")
    alice.get_by_role("button", name="Mark as opened by mistake").click()
    expect(alice.locator("#reason-error")).to_be_visible()
    return alice


@state
def alice_form_is_too_old(sign_in: SignIn, visit: SignIn) -> Page:
    alice = sign_in(ALICE, java_script_enabled=True)
    alice.goto("/threads/new/")
    alice.get_by_label("First message").fill("Typed in a form that is too old.")
    alice.locator("form[data-keep] [name=csrfmiddlewaretoken]").evaluate("(field) => { field.value = 'x'.repeat(64) }")
    alice.get_by_role("button", name=re.compile("^Send")).click()
    expect(alice.get_by_role("heading", name="This form is too old")).to_be_visible()
    return alice


@state
def homer_open_conversation(sign_in: SignIn, visit: SignIn) -> Page:
    alice, homer = sign_in(ALICE), sign_in(HOMER, phone=True)
    thread = begin(alice, "Dear Homer")
    add(alice, thread, KEN)
    homer.goto(thread.path)
    homer.get_by_role("textbox", name="Your answer").fill("Thank you!")
    send_button(homer).tap()
    expect(sent(homer, "Thank you!")).to_be_visible()
    return homer


@state
def homer_closed_conversation(sign_in: SignIn, visit: SignIn) -> Page:
    alice, homer = sign_in(ALICE), sign_in(HOMER, phone=True)
    thread = begin(alice, "Finished for Homer")
    close(alice, thread)
    homer.goto(thread.path)
    return homer


@state
def homer_message_not_seen_yet(sign_in: SignIn, visit: SignIn) -> Page:
    alice, homer = sign_in(ALICE), sign_in(HOMER, phone=True)
    thread = begin(alice, "Crossed with Homer", people=(BOB_MILLER,))
    homer.goto(thread.path)
    write(alice, thread, "Please wait for the result.")
    box(homer).fill("I stop the tablets.")
    send_button(homer).tap()
    expect(homer.get_by_role("button", name="Read it first")).to_be_visible()
    return homer


@state
def homer_new_message_with_mistakes(sign_in: SignIn, visit: SignIn) -> Page:
    homer = sign_in(HOMER, phone=True)
    homer.goto("/threads/new/")
    homer.get_by_role("button", name="Send to the clinic").tap()
    expect(homer.get_by_role("alert").first).to_contain_text("2 things are not right yet")
    return homer


@state
def homer_has_sent(sign_in: SignIn, visit: SignIn) -> Page:
    homer = sign_in(HOMER, phone=True)
    fields = [("topic", "Sent"), ("text", "Hello"), ("patient", "Patient/homer-simpson"), ("people", BOB_MILLER)]
    homer.goto(post(homer, "/threads/new/", fields))
    expect(homer.get_by_role("heading", name="Your message is with the clinic")).to_be_visible()
    return homer


@state
def homer_who_takes_part(sign_in: SignIn, visit: SignIn) -> Page:
    alice, homer = sign_in(ALICE), sign_in(HOMER, phone=True)
    thread = begin(alice, "Who takes part")
    homer.goto(f"{thread.path}people/")
    return homer


@state
def marge_conversation_about_bart(sign_in: SignIn, visit: SignIn) -> Page:
    marge = sign_in(MARGE, phone=True)
    marge.locator(".thread-row__link").first.tap()
    expect(marge.locator("#topic")).to_be_visible()
    return marge


def without_a_practice(visit: SignIn, email: str, password: str) -> Page:
    """The page of somebody who may sign in, but belongs nowhere."""
    page = visit()
    page.goto("/threads/")
    fill_login(page, email, password)
    expect(page.get_by_role("heading", name="Your account is not connected to a practice yet")).to_be_visible()
    return page
