"""States of the clinic's pages that take more than an address."""

import re

from playwright.sync_api import Page, expect

from .conftest import ALICE, BOB, HOMER, SAM, SignIn
from .conversations import ALICE as ALICE_SMITH
from .conversations import KEN, add, begin, box, close, send_button, write
from .states import at, state

FHIR = "/record/Communication/homer-simpson-lab-tests/"
at("alice: a thread as FHIR", ALICE, FHIR)
at("alice: messages of a thread as FHIR", ALICE, "/record/Communication/?part-of=Communication/homer-simpson-lab-tests")
at("alice: tasks as FHIR", ALICE, "/record/Task/?focus=Communication/homer-simpson-lab-tests")
at("alice: no tasks as FHIR", ALICE, "/record/Task/?focus=Communication/nowhere")
at("sam: a patient as FHIR", SAM, "/record/Patient/homer-simpson/")
at("homer: a thread as FHIR", HOMER, FHIR)
at("alice: nothing as FHIR", ALICE, "/record/Communication/nowhere/", status=404)


@state
def alice_first_unread_conversation(sign_in: SignIn, visit: SignIn) -> Page:
    alice, bob = sign_in(ALICE), sign_in(BOB)
    thread = begin(bob, "Unread", people=(ALICE_SMITH,))
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
    alice = sign_in(ALICE)
    alice.goto("/threads/new/")
    alice.get_by_label("First message").fill("Typed in a form that is too old.")
    alice.locator("form[data-keep] [name=csrfmiddlewaretoken]").evaluate("(field) => { field.value = 'x'.repeat(64) }")
    alice.get_by_role("button", name=re.compile("^Send")).click()
    expect(alice.get_by_role("heading", name="This form is too old")).to_be_visible()
    return alice


@state
def alice_two_versions_as_fhir(sign_in: SignIn, visit: SignIn) -> Page:
    alice = sign_in(ALICE)
    thread = begin(alice, "Two versions")
    add(alice, thread, KEN)
    close(alice, thread)
    alice.goto(f"/record/Communication/{thread.id}/?with=1")
    expect(alice.locator("ins").first).to_be_visible()
    return alice


@state
def alice_a_long_message_as_fhir(sign_in: SignIn, visit: SignIn) -> Page:
    alice = sign_in(ALICE)
    thread = begin(alice, "Long as FHIR", "long " * 2_000)
    alice.goto(f"/record/Communication/?part-of=Communication/{thread.id}")
    alice.locator(".record__rows a").first.click()
    expect(alice.get_by_role("link", name="Show all", exact=True)).to_be_visible()
    return alice


@state
def alice_way_to_a_message_as_fhir(sign_in: SignIn, visit: SignIn) -> Page:
    alice = sign_in(ALICE)
    alice.goto("/threads/homer-simpson-lab-tests/")
    alice.locator(".message__record").last.focus()
    return alice
