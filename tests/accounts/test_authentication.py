"""Who may ask the API: the bearer of a token that works, and nobody else."""

import json
from datetime import timedelta
from typing import Any

import pytest
from allauth.idp.oidc.models import Token
from django.db.models import F
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts import clients
from accounts.models import Membership, User
from inbox.fhir import members
from inbox.models import AccessPolicy, Practice
from tests.api import tokens

from .conftest import a_policy


@pytest.fixture
def machine(springfield: Practice, clinician: AccessPolicy) -> Membership:
    """A client that acts as Device/lab under alice's kind of policy."""
    return tokens.client(springfield, "Device/lab", "clinician", id="lab")


def ask(client: Client, token: str | None, **headers: str) -> HttpResponse:
    """Ask with a token, or with none."""
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return client.get("/fhir/who", headers=headers)


def refused(answer: HttpResponse) -> bool:
    """Whether this is a 401 as FHIR clients read it."""
    found = json.loads(answer.content)
    assert (answer.status_code, found["resourceType"], found["id"]) == (401, "OperationOutcome", "unauthorized")
    return answer["WWW-Authenticate"] == "Bearer"


def test_a_bearer_acts_as_the_profile_of_its_client(client: Client, machine: Membership) -> None:
    answer = ask(client, tokens.token_of(machine))
    assert answer.json() == {"profile": "Device/lab", "practice": machine.practice_id}


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
def test_the_scheme_is_not_about_letters(client: Client, machine: Membership, scheme: str) -> None:
    answer = client.get("/fhir/who", headers={"Authorization": f"{scheme} {tokens.token_of(machine)}"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer null",
        "Bearer undefined",
        "Bearer 1-",
        "Bearer  ",
        "Bearer \x00",
        "Bearer é" + "x" * 40,
        "Bearer " + "x" * 40,
        "Bearer " + "x" * 100_000,
        "Bearer ey.ey.ey",
        "Basic bGFiOmxhYg==",
        "Token " + "x" * 40,
        "x" * 40,
    ],
)
def test_ac74_empty_nil_and_partial_tokens_are_nobodys(client: Client, machine: Membership, header: str) -> None:
    works = tokens.token_of(machine)
    Token.objects.create(type="at", hash="", client_id="lab", expires_at=timezone.now() + timedelta(hours=1))
    assert ask(client, works).status_code == 200
    assert refused(client.get("/fhir/who", headers={"Authorization": header} if header else {}))


def test_ac74_a_part_of_a_token_is_no_token(client: Client, machine: Membership) -> None:
    token = tokens.token_of(machine)
    for part in (token[:-1], token[1:], token.upper(), f"{token} {token}", f"{token},", f"{token}="):
        assert refused(ask(client, part))


def test_a_token_in_the_address_or_the_form_is_none(client: Client, machine: Membership) -> None:
    token = tokens.token_of(machine)
    assert refused(client.get("/fhir/who", {"access_token": token}))
    assert refused(client.post("/fhir/who", {"access_token": token}))


def test_what_has_ended_is_nobodys(client: Client, machine: Membership) -> None:
    expired, endless, refresh, unowned, revoked = (tokens.token_of(machine) for _ in range(5))

    def row(value: str) -> Any:
        return Token.objects.by_value(value)

    assert ask(client, expired).status_code == 200
    row(expired).update(expires_at=timezone.now())
    row(endless).update(expires_at=None)
    row(refresh).update(type="rt")
    row(unowned).update(client=None)
    clients.revoke(machine, row(revoked).get().pk)
    for token in (expired, endless, refresh, unowned, revoked):
        assert refused(ask(client, token))


def test_a_deactivated_client_ends_at_once_and_its_tokens_do_not_come_back(client: Client, machine: Membership) -> None:
    token = tokens.token_of(machine)
    Membership.objects.filter(pk=machine.pk).update(active=False)
    assert refused(ask(client, token))
    Membership.objects.filter(pk=machine.pk).update(active=True)
    assert ask(client, token).status_code == 200
    clients.close(machine)
    clients.reopen(machine)
    assert refused(ask(client, token))


def test_a_client_without_a_membership_is_nobody(client: Client, machine: Membership) -> None:
    token = tokens.token_of(machine)
    machine.delete()
    assert refused(ask(client, token))


def test_a_session_is_no_bearer_and_a_bearer_no_session(signed_in: Client, machine: Membership) -> None:
    assert refused(ask(signed_in, None))
    answer = signed_in.get("/threads/", headers={"Authorization": f"Bearer {tokens.token_of(machine)}"})
    assert answer.wsgi_request.actor.profile == "Practitioner/alice"
    signed_in.logout()
    assert (
        signed_in.get("/threads/", headers={"Authorization": f"Bearer {tokens.token_of(machine)}"}).status_code == 302
    )


def test_a_bearer_sends_forms_without_a_csrf_token(machine: Membership) -> None:
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post("/fhir/who", {}, headers={"Authorization": f"Bearer {tokens.token_of(machine)}"})
    assert answer.status_code == 200


def test_knowing_a_bearer_costs_one_query_and_one_write_a_minute(
    client: Client, machine: Membership, django_assert_num_queries: Any
) -> None:
    token = tokens.token_of(machine)
    with django_assert_num_queries(2):
        ask(client, token)
    with django_assert_num_queries(1):
        ask(client, token)
    Membership.objects.filter(pk=machine.pk).update(last_used=F("last_used") - timedelta(seconds=61))
    with django_assert_num_queries(2):
        ask(client, token)
    machine.refresh_from_db()
    assert machine.last_used is not None and timezone.now() - machine.last_used < timedelta(seconds=30)


def test_knowing_a_person_behind_an_app_costs_one_query_more(
    client: Client, machine: Membership, alice: User, django_assert_num_queries: Any
) -> None:
    token = tokens.token_of(machine, user=alice)
    ask(client, token)
    with django_assert_num_queries(2):
        ask(client, token)


def test_a_nobodys_token_costs_one_query_and_a_malformed_one_none(
    client: Client, machine: Membership, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        ask(client, "x" * 40)
    with django_assert_num_queries(0):
        ask(client, "null")


def test_a_broken_policy_opens_nothing_and_does_not_make_clients_log_in_again(
    client: Client, machine: Membership, clinician: AccessPolicy
) -> None:
    token = tokens.token_of(machine)
    for body in ("", "[]", '{"resourceType": "AccessPolicy", "resource": [{"resourceType": "Nothing"}]}'):
        clinician.body = body
        clinician.save()
        answer = ask(client, token)
        assert (answer.status_code, answer.json()["id"]) == (403, "forbidden")


def test_a_policy_of_another_practice_is_broken(
    client: Client, machine: Membership, shelbyville: Practice, clinician: AccessPolicy
) -> None:
    machine.policy = a_policy(shelbyville)
    machine.save()
    assert ask(client, tokens.token_of(machine)).status_code == 403


def test_ac73_an_app_acts_as_the_person_who_let_it(client: Client, machine: Membership, alice: User) -> None:
    assert ask(client, tokens.token_of(machine, user=alice)).json()["profile"] == "Practitioner/alice"


def test_ac73_an_app_acts_for_members_of_its_practice_only(
    client: Client, machine: Membership, alice: User, membership: Membership, shelbyville: Practice
) -> None:
    token = tokens.token_of(machine, user=alice)
    assert ask(client, token).status_code == 200
    Membership.objects.filter(pk=membership.pk).update(active=False)
    assert refused(ask(client, token))
    Membership.objects.create(
        user=alice, practice=shelbyville, profile="Practitioner/alice", policy=a_policy(shelbyville)
    )
    assert refused(ask(client, token))
    Membership.objects.filter(pk=membership.pk).update(active=True)
    assert ask(client, token).json()["practice"] == membership.practice_id
    alice.is_active = False
    alice.save()
    assert refused(ask(client, token))


def test_a_membership_is_somebodys_again_by_its_key(machine: Membership, membership: Membership, alice: User) -> None:
    for key, profile in (
        (f"{machine.pk}", "Device/lab"),
        (f"{membership.pk}", "Practitioner/alice"),
        (f"{membership.pk}.{machine.pk}", "Practitioner/alice"),
    ):
        repo = members.reconnect(key)
        assert repo is not None
        assert (repo.actor.profile, repo.actor.membership) == (profile, key)
        clients.close(machine) if "Device" in profile else Membership.objects.filter(pk=membership.pk).update(
            active=False
        )
        assert members.reconnect(key) is None
        Membership.objects.update(active=True)
    alice.is_active = False
    alice.save()
    assert members.reconnect(str(membership.pk)) is None


@pytest.mark.parametrize("key", ["", ".", "0", "-1", "x", "1.x", "99999999999999999999", "1.2.3", "٣"])
def test_a_key_of_nobody_reconnects_to_nobody(machine: Membership, key: str) -> None:
    assert members.reconnect(key) is None
