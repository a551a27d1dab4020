"""Who takes part, when two people change it at once and when somebody has to go."""

import re

import pytest
from playwright.sync_api import Page, expect

from .conftest import ALICE, BOB, CHARLIE, HOMER, SignIn
from .conversations import BOB as BOB_MILLER
from .conversations import KEN, Begun, add, begin, remove, sent, write

pytestmark = pytest.mark.browser
CHANGED = "Somebody changed the participants while you were editing"


def present(page: Page) -> list[str]:
    return page.locator("[aria-labelledby=now-title] .people > li > span:nth-child(2)").all_inner_texts()


def names(page: Page) -> set[str]:
    return {line.partition("\n")[0] for line in present(page)}


def finds(page: Page, thread: Begun, text: str) -> None:
    page.goto(f"{thread.path}people/")
    page.get_by_role("searchbox", name="Name").fill(text)


def test_two_people_adding_at_once_one_wins_and_the_other_sees_the_new_list(sign_in: SignIn) -> None:
    alice, bob = sign_in(ALICE), sign_in(BOB)
    thread = begin(alice, "Two at once")
    finds(bob, thread, "rossi")
    button = bob.get_by_role("button", name="Add Sofia Rossi")
    expect(button).to_be_visible()
    add(alice, thread, KEN)
    button.click()
    notice = bob.get_by_role("alert").filter(has_text=CHANGED)
    expect(notice).to_be_focused()
    expect(notice).to_contain_text("Ken Tanaka")
    expect(notice).to_contain_text("Your change is not saved yet.")
    assert names(bob) == {"Dr. Alice Smith", "Homer Simpson", "Bob Miller", "Ken Tanaka"}
    notice.get_by_role("button", name="Add Sofia Rossi to the new list").click()
    expect(bob.get_by_text("Sofia Rossi takes part from now on.")).to_be_visible()
    alice.goto(f"{thread.path}people/")
    assert names(alice) == {"Dr. Alice Smith", "Homer Simpson", "Bob Miller", "Ken Tanaka", "Sofia Rossi"}


def test_removing_somebody_from_a_list_that_changed_asks_as_well(sign_in: SignIn) -> None:
    alice, bob = sign_in(ALICE), sign_in(BOB)
    thread = begin(alice, "Removed at once", people=(BOB_MILLER, KEN))
    alice.goto(f"{thread.path}people/")
    remove(bob, thread, "Patient/homer-simpson")
    alice.get_by_role("button", name="Remove Ken Tanaka").click()
    notice = alice.get_by_role("alert").filter(has_text=CHANGED)
    expect(notice).to_be_visible()
    assert names(alice) == {"Dr. Alice Smith", "Bob Miller", "Ken Tanaka"}
    notice.get_by_role("button", name="Make my change to the new list").click()
    expect(alice.get_by_text("The person is removed.")).to_be_visible()
    assert names(alice) == {"Dr. Alice Smith", "Bob Miller"}


def test_a_change_can_be_dropped(sign_in: SignIn) -> None:
    alice, bob = sign_in(ALICE), sign_in(BOB)
    thread = begin(alice, "Dropped")
    finds(bob, thread, "rossi")
    expect(bob.get_by_role("button", name="Add Sofia Rossi")).to_be_visible()
    add(alice, thread, KEN)
    bob.get_by_role("button", name="Add Sofia Rossi").click()
    bob.get_by_role("link", name="Drop my change").click()
    expect(bob.get_by_role("alert").filter(has_text=CHANGED)).to_have_count(0)
    assert "Sofia Rossi" not in names(bob)
    assert "Ken Tanaka" in names(bob)


def test_somebody_who_is_removed_loses_the_thread_at_once(sign_in: SignIn) -> None:
    alice, homer = sign_in(ALICE), sign_in(HOMER, phone=True)
    thread = begin(alice, "Homer has to go")
    homer.goto(thread.path)
    homer.get_by_role("textbox", name="Your answer").fill("I still type")
    remove(alice, thread, "Patient/homer-simpson")
    write(alice, thread, "Now that he is gone")
    with homer.expect_response("**/messages/") as answer:
        homer.get_by_role("button", name="Send").tap()
    assert answer.value.status == 404
    expect(homer.locator("[data-pending]").get_by_text("Not sent")).to_be_visible()
    expect(homer.get_by_role("textbox", name="Your answer")).to_have_value("I still type")
    refused = homer.goto(thread.path)
    assert refused is not None and refused.status == 404
    homer.goto("/threads/")
    expect(homer.locator(".thread-row", has_text=thread.topic)).to_have_count(0)
    assert "Now that he is gone" not in homer.content()


def test_somebody_who_is_added_sees_what_is_sent_from_now_on(sign_in: SignIn) -> None:
    alice, bob = sign_in(ALICE), sign_in(BOB)
    thread = begin(alice, "Bob comes later", "Before Bob", people=(KEN,))
    refused = bob.goto(thread.path)
    assert refused is not None and refused.status == 404
    add(alice, thread, BOB_MILLER)
    write(alice, thread, "Welcome, Bob")
    bob.goto(thread.path)
    expect(sent(bob, "Welcome, Bob")).to_have_count(1)
    expect(bob.locator(".event", has_text="Dr. Alice Smith added Bob Miller")).to_be_visible()


def test_event_lines_say_who_did_what(sign_in: SignIn) -> None:
    alice, bob, homer = sign_in(ALICE), sign_in(BOB), sign_in(HOMER, phone=True)
    thread = begin(alice, "Who did what")
    add(bob, thread, KEN)
    remove(alice, thread, KEN)
    bob.goto(thread.path)
    bob.locator("summary.status").click()
    bob.get_by_role("link", name="Leave this thread").click()
    bob.get_by_role("button", name="Leave", exact=True).click()
    expect(bob.get_by_text("You left the thread.")).to_be_visible()
    homer.goto(thread.path)
    lines = homer.locator(".event").all_inner_texts()
    said = [re.sub(r"\s*·.*", "", line.strip()) for line in lines]
    assert said == ["Bob Miller added Ken Tanaka", "Dr. Alice Smith removed Ken Tanaka", "Bob Miller left"]


def test_a_stranger_changes_nobody(sign_in: SignIn) -> None:
    alice, charlie = sign_in(ALICE), sign_in(CHARLIE)
    thread = begin(alice, "Not Charlie's")
    refused = charlie.goto(f"{thread.path}people/")
    assert refused is not None and refused.status == 404
    token = next(one["value"] for one in charlie.context.cookies() if one["name"] == "csrftoken")
    for path in ("people/", "people/remove/", "leave/"):
        form: dict[str, str | float | bool] = {"person": KEN.partition("|")[0], "csrfmiddlewaretoken": token}
        assert charlie.request.post(f"{thread.path}{path}", form=form).status == 404
    alice.goto(f"{thread.path}people/")
    assert names(alice) == {"Dr. Alice Smith", "Homer Simpson", "Bob Miller"}
