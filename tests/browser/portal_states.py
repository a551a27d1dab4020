"""States of the portal's pages that take more than an address."""

from playwright.sync_api import Page, expect

from .conftest import ALICE, HOMER, MARGE, SignIn
from .conversations import BOB, KEN, add, begin, box, close, post, send_button, sent, write
from .states import state


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
    thread = begin(alice, "Crossed with Homer", people=(BOB,))
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
    fields = [("topic", "Sent"), ("text", "Hello"), ("patient", "Patient/homer-simpson"), ("people", BOB)]
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
