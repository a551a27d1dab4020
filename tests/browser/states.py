"""Every page in every state that it has, by name: how somebody gets there. The longer ways are in the files beside."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from .conftest import ADMIN, ALICE, BOB, CHARLIE, HOMER, MARGE, SAM, SignIn, fill_login

LAB_TESTS = "/threads/homer-simpson-lab-tests/"
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
at("admin: list", ADMIN, "/threads/")
at("admin: nothing yet", ADMIN, "/threads/?scope=mine")
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


def without_a_practice(visit: SignIn, email: str, password: str) -> Page:
    """The page of somebody who may sign in, but belongs nowhere."""
    page = visit()
    page.goto("/threads/")
    fill_login(page, email, password)
    expect(page.get_by_role("heading", name="Your account is not connected to a practice yet")).to_be_visible()
    return page
