"""Conversations made by plain requests of somebody who is signed in: what a test needs to be there before it begins."""

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from playwright.sync_api import Locator, Page

BOB = "Practitioner/nurse-bob-miller|Bob Miller|Nurse"
ALICE = "Practitioner/doctor-alice-smith|Dr. Alice Smith|Clinician"
KEN = "Practitioner/dietitian-ken-tanaka|Ken Tanaka|Dietitian"
HOMER = "Patient/homer-simpson|Homer Simpson|"


@dataclass(frozen=True)
class Begun:
    """A new thread."""

    id: str
    topic: str

    @property
    def path(self) -> str:
        return f"/threads/{self.id}/"


def begin(
    page: Page, topic: str, text: str = "Good morning.", *, people: tuple[str, ...] = (BOB,), patient: str = HOMER
) -> Begun:
    """A new thread of the person whose page this is."""
    fields = [("topic", topic), ("text", text), ("patient", patient), *(("people", one) for one in people)]
    found = re.search(r"/threads/([0-9a-f-]{36})/", post(page, "/threads/new/", fields))
    assert found is not None, topic
    return Begun(found[1], topic)


def write(page: Page, thread: Begun, text: str, *, client_id: str = "") -> None:
    """A reply of the person whose page this is, past whatever they have not seen."""
    post(page, f"{thread.path}messages/", [("text", text), ("client_id", client_id), ("kind", "reply")])


def close(page: Page, thread: Begun) -> None:
    """Close a thread, read or not."""
    post(page, f"{thread.path}close/", [("anyway", "1")])


def add(page: Page, thread: Begun, person: str) -> None:
    """Let somebody take part."""
    post(page, f"{thread.path}people/", [("person", person.partition("|")[0])])


def remove(page: Page, thread: Begun, person: str) -> None:
    """End somebody's part."""
    post(page, f"{thread.path}people/remove/", [("person", person.partition("|")[0])])


def post(page: Page, path: str, fields: list[tuple[str, str]]) -> str:
    """Send a form as the person whose page this is; gives the address to which the answer sends."""
    token = next(one["value"] for one in page.context.cookies() if one["name"] == "csrftoken")
    answer = page.request.post(
        path,
        data=urlencode([*fields, ("csrfmiddlewaretoken", token)]),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        max_redirects=0,
    )
    assert answer.status == 302, (path, answer.status)
    return answer.headers["location"]


def box(page: Page) -> Locator:
    """Where a reply is written."""
    return page.locator("#composer textarea")


def sent(page: Page, text: str) -> Locator:
    """The messages of the open conversation that the server has confirmed and whose text is this."""
    return page.locator(".message:not([data-pending]) .bubble__text").get_by_text(text, exact=True)


def send_button(page: Page) -> Locator:
    """The button that sends a reply."""
    return page.locator("#composer").get_by_role("button", name=re.compile("^Send"))
