"""States of the administrator's pages, and of the page on which somebody lets an app act for them."""

from urllib.parse import urlencode
from uuid import uuid4

from playwright.sync_api import Page, expect

from .conftest import ADMIN, ALICE, SignIn
from .states import at, state

at("admin: machines and apps", ADMIN, "/clients/")
at("admin: one machine", ADMIN, "/clients/demo-client/")
at("admin: new client", ADMIN, "/clients/new/")
at("alice: an app that is none", ALICE, "/oauth2/authorize?client_id=nothing", status=400)
at("alice: no machines for her", ALICE, "/clients/", status=404)

BACK = "https://app.example/back"


def make(page: Page, **fields: str) -> str:
    """Fill in the form for a new client; its id, or the empty text when it was refused."""
    id = f"client-{uuid4().hex[:8]}"
    page.goto("/clients/new/")
    for label, value in {"Name": "Visit planner", "Client id": id, "Profile": "Practitioner/demo-client"}.items():
        page.get_by_label(label, exact=True).fill(fields.get(label, value))
    page.get_by_label("Access policy").select_option("clinician")
    if "app" in fields:
        page.get_by_label("An app that people let act").check()
        page.get_by_label("Addresses of the app").fill(fields["app"])
    page.get_by_role("button", name="Make the client").click()
    return id


@state
def admin_a_secret(sign_in: SignIn, visit: SignIn) -> Page:
    admin = sign_in(ADMIN)
    make(admin)
    expect(admin.get_by_text("It is shown only now.")).to_be_visible()
    return admin


@state
def admin_a_client_that_is_refused(sign_in: SignIn, visit: SignIn) -> Page:
    admin = sign_in(ADMIN)
    make(admin, Profile="Practitioner/nobody", app="http://app.example")
    expect(admin.get_by_role("alert")).to_be_visible()
    return admin


@state
def admin_a_deactivated_app(sign_in: SignIn, visit: SignIn) -> Page:
    admin = sign_in(ADMIN)
    make(admin, app=BACK)
    admin.get_by_role("button", name="Deactivate").click()
    expect(admin.get_by_role("button", name="Activate")).to_be_visible()
    return admin


@state
def alice_an_app_that_asks(sign_in: SignIn, visit: SignIn) -> Page:
    app, alice = make(sign_in(ADMIN), app=BACK), sign_in(ALICE)
    asked = {"response_type": "code", "client_id": app, "redirect_uri": BACK, "state": "s", "code_challenge": "x" * 43}
    alice.goto(f"/oauth2/authorize?{urlencode({**asked, 'code_challenge_method': 'S256'})}")
    expect(alice.get_by_role("heading", name="Let “Visit planner” act for you?")).to_be_visible()
    return alice
