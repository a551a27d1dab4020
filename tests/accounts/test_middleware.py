"""Who gets past the door, and what they carry once inside."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts.models import Membership, User
from inbox.models import AccessPolicy, Practice

from .conftest import a_policy, body

HTMX = {"HX-Request": "true"}
OPEN = {
    "account_login",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "set_language",
    "healthz",
    "readyz",
    "idp:oidc:configuration",
    "idp:oidc:jwks",
}
MACHINES = {"idp:oidc:token": 405, "idp:oidc:revoke": 405, "idp:oidc:userinfo": 401, "idp:oidc:end": 401, "me": 401}
"""Addresses where a session means nothing, and what they answer to a GET without a token."""


def patterns(resolver: URLResolver, namespace: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every pattern with the namespaces before its name; those of the FHIR API are tested with a token, not here."""
    for each in resolver.url_patterns:
        if not isinstance(each, URLResolver):
            yield namespace, each
        elif getattr(each.urlconf_name, "__name__", "") != "inbox.api.urls":
            yield from patterns(each, f"{namespace}{each.namespace}:" if each.namespace else namespace)


def pages(urlconf: str) -> dict[str, str]:
    """Name and address of every page, with 1 for whatever is variable in it."""
    found = {}
    for namespace, each in patterns(get_resolver(urlconf)):
        assert each.name, f"{each} has no name, so nobody can list it as open or closed"
        regex = getattr(each.pattern, "regex", None)
        variable = set(each.pattern.converters) | set(regex.groupindex if regex else ())
        name = namespace + each.name
        found[name] = reverse(name, urlconf, kwargs=dict.fromkeys(variable, "1"))
    return found


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_ac01_without_a_session_every_page_but_the_listed_leads_to_the_login(
    client: Client, settings: Any, method: str
) -> None:
    settings.ROOT_URLCONF = "inbox.urls"
    closed = {name: path for name, path in pages("inbox.urls").items() if name not in OPEN | MACHINES.keys()}
    assert {"threads", "thread", "account_logout", "account_change_password", "clients"} <= closed.keys()
    for name, path in closed.items():
        answer = getattr(client, method)(path)
        assert (name, answer.status_code) == (name, 302)
        assert answer["Location"].startswith("/accounts/login/")
        fragment = getattr(client, method)(path, headers=HTMX)
        assert (name, fragment.status_code, fragment.content) == (name, 401, b"")
        assert fragment["HX-Redirect"].startswith("/accounts/login/")


@pytest.mark.django_db(databases="__all__")
def test_ac01_the_listed_pages_are_open(client: Client, settings: Any) -> None:
    settings.ROOT_URLCONF = "inbox.urls"
    listed = {name: path for name, path in pages("inbox.urls").items() if name in OPEN}
    assert listed.keys() == OPEN
    assert client.get(listed.pop("set_language"))["Location"] == "/"  # not a page: it goes back to one
    assert {client.get(path).status_code for path in listed.values()} == {200}


def test_ac01_a_session_opens_nothing_where_machines_ask(signed_in: Client, settings: Any) -> None:
    settings.ROOT_URLCONF = "inbox.urls"
    listed = {name: path for name, path in pages("inbox.urls").items() if name in MACHINES}
    assert {name: signed_in.get(path).status_code for name, path in listed.items()} == MACHINES
    assert signed_in.get("/fhir/R4/Patient/1").status_code == 401


@pytest.mark.parametrize(
    "path", ["/no-such-page/", "/threads/../admin/", "/healthz/", "/healthzz", "/accounts/", "/Static/"]
)
def test_an_address_that_does_not_exist_is_as_closed_as_any_other(client: Client, path: str) -> None:
    assert client.get(path).status_code == 302


def test_the_login_comes_back_to_the_page_that_was_asked_for(client: Client) -> None:
    assert client.get("/threads/?a=1&b=2")["Location"] == "/accounts/login/?next=%2Fthreads%2F%3Fa%3D1%26b%3D2"


def test_a_form_sent_too_late_comes_back_to_the_page_it_was_on(client: Client) -> None:
    late = client.post("/threads/", headers={"Referer": "http://testserver/threads/7/?page=2"})
    assert late["Location"] == "/accounts/login/?next=%2Fthreads%2F7%2F%3Fpage%3D2"
    elsewhere = client.post("/threads/", headers={"Referer": "http://evil.example/threads/7/"})
    assert elsewhere["Location"] == "/accounts/login/"


def test_htmx_is_sent_to_the_login_as_a_page_and_comes_back_to_where_it_was(client: Client) -> None:
    here = client.post("/threads/", headers=HTMX | {"HX-Current-URL": "http://testserver/threads/7/"})
    assert (here.status_code, here["HX-Redirect"]) == (401, "/accounts/login/?next=%2Fthreads%2F7%2F")
    elsewhere = client.post("/threads/", headers=HTMX | {"HX-Current-URL": "http://evil.example/threads/"})
    assert (elsewhere.status_code, elsewhere["HX-Redirect"]) == (401, "/accounts/login/")


def test_members_carry_their_practice_and_profile(signed_in: Client, springfield: Practice) -> None:
    page = signed_in.get("/threads/")
    assert body(page) == f"Practitioner/alice of {springfield.pk}: Practitioner/alice"
    assert page.wsgi_request.actor.display == "Dr. Alice Smith"
    assert page.wsgi_request.actor.request_id != signed_in.get("/threads/").wsgi_request.actor.request_id


def test_knowing_who_asks_costs_three_queries(signed_in: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(3):
        assert signed_in.get("/threads/").status_code == 200


def test_somebody_with_twenty_memberships_costs_the_same_three(
    signed_in: Client, alice: User, springfield: Practice, clinician: AccessPolicy, django_assert_num_queries: Any
) -> None:
    for number in range(20):
        Membership.objects.create(user=alice, practice=springfield, profile=f"RelatedPerson/{number}", policy=clinician)
    with django_assert_num_queries(3):
        assert signed_in.get("/threads/").status_code == 200


def test_a_stranger_at_a_closed_page_costs_no_query(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert client.get("/threads/").status_code == 302


@pytest.fixture
def second(alice: User, shelbyville: Practice) -> Membership:
    """alice works in the other practice too."""
    policy = a_policy(shelbyville)
    return Membership.objects.create(user=alice, practice=shelbyville, profile="Practitioner/asmith", policy=policy)


def choose(client: Client, membership: Membership) -> None:
    session = client.session
    session["membership"] = membership.pk
    session.save()


def test_the_oldest_membership_counts_until_another_is_chosen(
    signed_in: Client, second: Membership, springfield: Practice, shelbyville: Practice
) -> None:
    assert body(signed_in.get("/threads/")) == f"Practitioner/alice of {springfield.pk}: Practitioner/alice"
    choose(signed_in, second)
    assert body(signed_in.get("/threads/")) == f"Practitioner/asmith of {shelbyville.pk}: Practitioner/asmith"


def test_a_membership_of_somebody_else_can_not_be_chosen(
    signed_in: Client, springfield: Practice, shelbyville: Practice
) -> None:
    charlie = User.objects.create_user("charlie@clinic.example")
    foreign = Membership.objects.create(user=charlie, practice=shelbyville, profile="Practitioner/charlie")
    choose(signed_in, foreign)
    assert body(signed_in.get("/threads/")) == f"Practitioner/alice of {springfield.pk}: Practitioner/alice"


def test_a_membership_that_has_ended_can_not_be_chosen(
    signed_in: Client, second: Membership, springfield: Practice
) -> None:
    choose(signed_in, second)
    Membership.objects.filter(pk=second.pk).update(active=False)
    assert body(signed_in.get("/threads/")) == f"Practitioner/alice of {springfield.pk}: Practitioner/alice"


def test_a_carer_acts_with_all_her_profiles_of_the_practice_and_none_of_another(
    client: Client, springfield: Practice, shelbyville: Practice
) -> None:
    marge = User.objects.create_user("marge@patient.example")
    for practice, profile in ((springfield, "bart"), (shelbyville, "maggie"), (springfield, "lisa")):
        Membership.objects.create(user=marge, practice=practice, profile=f"RelatedPerson/{profile}")
    client.force_login(marge)
    assert body(client.get("/threads/")).endswith(": RelatedPerson/bart, RelatedPerson/lisa")


def test_ac11_a_membership_without_a_policy_may_do_nothing(signed_in: Client, membership: Membership) -> None:
    assert body(signed_in.get("/reading/")) == "True"
    membership.policy = None
    membership.save()
    assert body(signed_in.get("/reading/")) == "False"


UNUSABLE = {
    "not JSON": "{",
    "empty": "",
    "a list": "[]",
    "nothing": "null",
    "too deep": "[" * 100_000,
    "another resource": json.dumps({"resourceType": "Patient"}),
    "entries that are no list": json.dumps({"resourceType": "AccessPolicy", "resource": {}}),
    "criteria that are a number": json.dumps(
        {"resourceType": "AccessPolicy", "resource": [{"resourceType": "Communication", "criteria": 5}]}
    ),
    "an entry that is no object": json.dumps({"resourceType": "AccessPolicy", "resource": ["Communication"]}),
}


def is_refused(client: Client) -> bool:
    """The person is out, is told the same few words, and only these."""
    answer = client.get("/threads/")
    page = client.get(answer["Location"])
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/")
    assert "Your access is not set up correctly. Please tell your administrator." in body(page)
    assert "AccessPolicy" not in body(page)
    return client.get("/threads/").status_code == 302 and not Session.objects.exists()


@pytest.mark.parametrize("text", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_ac12_a_policy_that_can_not_be_used_gives_no_access_at_all(
    signed_in: Client, clinician: AccessPolicy, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    AccessPolicy.objects.filter(pk=clinician.pk).update(body=text)
    assert is_refused(signed_in)
    assert "can not be used" in caplog.text


def test_ac12_the_policy_of_another_practice_gives_no_access(
    signed_in: Client, membership: Membership, shelbyville: Practice
) -> None:
    membership.policy = a_policy(shelbyville)
    membership.save()
    assert is_refused(signed_in)


def test_ac12_a_login_under_a_policy_that_can_not_be_used_is_refused(
    client: Client, alice: User, clinician: AccessPolicy, sign_in: Any
) -> None:
    AccessPolicy.objects.filter(pk=clinician.pk).update(body="{")
    page = client.get(sign_in(alice.email)["Location"], follow=True)
    assert "Your access is not set up correctly" in body(page)
    assert client.get("/threads/").status_code == 302


def test_ac12_a_fragment_under_such_a_policy_leads_to_the_login_too(signed_in: Client, clinician: AccessPolicy) -> None:
    AccessPolicy.objects.filter(pk=clinician.pk).update(body="{")
    answer = signed_in.get("/threads/", headers=HTMX)
    assert (answer.status_code, answer["HX-Redirect"]) == (401, "/accounts/login/")


def test_ac101_who_is_deactivated_is_out_at_once(signed_in: Client, alice: User) -> None:
    assert signed_in.get("/threads/").status_code == 200
    User.objects.filter(pk=alice.pk).update(is_active=False)
    answer = signed_in.get("/threads/")
    assert (answer.status_code, answer["Clear-Site-Data"]) == (302, '"cache"')
    assert not Session.objects.exists()
    User.objects.filter(pk=alice.pk).update(is_active=True)
    assert signed_in.get("/threads/").status_code == 302


def test_ac101_who_is_deactivated_is_out_at_once_for_fragments_and_account_pages(client: Client, alice: User) -> None:
    for path, status in (("/threads/", 401), ("/accounts/password/change/", 401), ("/accounts/login/", 200)):
        client.force_login(alice)
        User.objects.filter(pk=alice.pk).update(is_active=False)
        assert client.get(path, headers=HTMX).status_code == status
        assert not Session.objects.exists()
        User.objects.filter(pk=alice.pk).update(is_active=True)


def test_who_is_deleted_is_out_at_once(signed_in: Client, alice: User) -> None:
    alice.delete()
    assert signed_in.get("/threads/").status_code == 302


def test_a_membership_that_ends_takes_effect_at_once(signed_in: Client, membership: Membership) -> None:
    assert signed_in.get("/threads/").status_code == 200
    membership.active = False
    membership.save()
    assert signed_in.get("/threads/").status_code == 403


def test_who_has_no_practice_yet_is_told_so_on_every_page(client: Client, alice_alone: User) -> None:
    client.force_login(alice_alone)
    page = client.get("/threads/")
    assert page.status_code == 403
    assert "Your account is not connected to a practice yet" in body(page)
    assert 'method="post" action="/accounts/logout/"' in body(page)
    assert client.post("/reading/").status_code == 403
    fragment = client.get("/threads/", headers=HTMX)
    assert (fragment.status_code, fragment["HX-Refresh"]) == (403, "true")


def test_who_has_no_practice_yet_may_change_the_password_and_sign_out(client: Client, alice_alone: User) -> None:
    client.force_login(alice_alone)
    assert client.get("/accounts/password/change/").status_code == 200
    assert client.post("/accounts/logout/").status_code == 302
    assert not Session.objects.exists()


def test_no_page_is_kept_by_the_browser(signed_in: Client, alice_alone: User) -> None:
    for path in ("/threads/", "/accounts/logout/", "/accounts/password/change/", "/no-such-page/"):
        assert signed_in.get(path)["Cache-Control"] == "no-store", path
    Membership.objects.all().delete()
    assert signed_in.get("/threads/")["Cache-Control"] == "no-store"


def test_a_file_is_kept_only_where_its_view_says_so(signed_in: Client) -> None:
    assert signed_in.get("/file/")["Cache-Control"] == "no-store"
    assert signed_in.get("/file/?keep=private")["Cache-Control"] == "private"


def test_an_answer_outside_a_session_does_not_clear_the_browser(client: Client, signed_in: Client) -> None:
    assert "Clear-Site-Data" not in signed_in.get("/threads/")
    assert "Clear-Site-Data" not in Client().get("/accounts/login/")


def test_static_files_need_no_session(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert client.get("/static/icons.svg").status_code == 200
        assert client.get("/static/no-such-file.css").status_code == 404


def test_ac83_htmx_headers_open_nothing(client: Client) -> None:
    forged = HTMX | {"HX-Current-URL": "http://testserver/accounts/login/", "HX-Target": "login", "HX-Boosted": "true"}
    assert client.get("/threads/", headers=forged).status_code == 401


@pytest.mark.parametrize("name", sorted(pages("accounts.urls")))
def test_ac85_no_account_page_takes_a_form_without_the_token_of_its_session(alice: User, name: str) -> None:
    path = reverse(name, "tests.accounts.urls", kwargs={"uidb36": "1", "key": "1"} if name.endswith("_key") else {})
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    before = User.objects.values().get(pk=alice.pk)
    own, other = token(client), token(Client())
    for form in ({}, {"csrfmiddlewaretoken": other}, {"csrfmiddlewaretoken": ""}):
        assert client.post(path, form).status_code == 403
    assert User.objects.values().get(pk=alice.pk) == before
    assert client.get("/threads/").status_code == 200
    assert client.post(path, {"csrfmiddlewaretoken": own}).status_code != 403


def token(client: Client) -> str:
    client.get("/accounts/password/reset/")
    return client.cookies["csrftoken"].value
