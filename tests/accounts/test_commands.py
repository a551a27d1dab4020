"""The two commands that fill an empty install."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import Membership, User
from inbox.models import AccessPolicy, Practice, Resource

from .conftest import PASSWORD, a_resource, is_signed_in


def run(*arguments: str, stdin: str = "") -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_create_practice_makes_the_practice_its_organization_and_its_policies() -> None:
    assert "springfield" in run("create_practice", "springfield", "Springfield Clinic")
    practice = Practice.objects.get(fhir_id="springfield")
    assert practice.name == "Springfield Clinic"
    assert Resource.objects.filter(practice=practice, type="Organization", fhir_id="springfield").exists()
    assert AccessPolicy.objects.filter(practice=practice, fhir_id="clinician").exists()


@pytest.mark.parametrize(
    ("id", "name", "why"),
    [
        ("springfield", "Again", "already a practice"),
        ("spring field", "Clinic", "was not made"),
        ("x" * 65, "Clinic", "was not made"),
        ("capital", "  ", "name is empty"),
    ],
)
def test_create_practice_says_what_is_wrong_and_makes_nothing(
    springfield: Practice, id: str, name: str, why: str
) -> None:
    with pytest.raises(CommandError, match=why):
        run("create_practice", id, name)
    assert list(Practice.objects.all()) == [springfield]


def member(email: str = "Alice@Clinic.Example", *more: str, **changed: str) -> str:
    options = {"practice": "springfield", "profile": "Practitioner/alice", "policy": "clinician"} | changed
    return run("create_member", email, *(f"--{name}={value}" for name, value in options.items()), *more)


def test_create_member_lets_a_new_person_in(
    installed: Practice, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    monkeypatch.setenv("FIRST_PASSWORD", PASSWORD)
    said = member("Alice@Clinic.Example", "--name=Dr. Alice Smith", "--password-env=FIRST_PASSWORD")
    assert (
        said
        == "alice@clinic.example is Practitioner/alice in the practice “springfield” under the policy “clinician”.\n"
    )
    membership = Membership.objects.get()
    assert (membership.user.name, membership.display) == ("Dr. Alice Smith", "Dr. Alice Smith")
    client.post("/accounts/login/", {"login": "alice@clinic.example", "password": PASSWORD})
    assert is_signed_in(client)


def test_create_member_reads_the_password_from_standard_input(
    installed: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\nnot this line\n"))
    member("alice@clinic.example", "--password-stdin")
    assert User.objects.get().check_password(PASSWORD)


def test_create_member_without_a_password_says_how_to_set_one(installed: Practice, settings: Any) -> None:
    assert f"{settings.BASE_URL}/accounts/password/reset/" in member()
    assert not User.objects.get().has_usable_password()


def test_create_member_gives_an_account_a_second_profile_and_keeps_its_password(
    installed: Practice, alice_alone: User
) -> None:
    a_resource(installed, "Patient")
    member(policy="clinician")
    member(profile="Patient/alice", policy="patient")
    assert Membership.objects.filter(user=alice_alone).count() == 2
    alice_alone.refresh_from_db()
    assert alice_alone.check_password(PASSWORD)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"email": "not an address"}, "is not an e-mail address"),
        ({"practice": "shelbyville"}, "no practice “shelbyville”. There are: springfield"),
        ({"policy": "emperor"}, "no access policy “emperor”. There are: .*clinician"),
        ({"profile": "Practitioner/nobody"}, "has no Practitioner/nobody"),
        ({"profile": "Device/alice"}, "is not a profile"),
        ({"profile": "alice"}, "is not a profile"),
        ({"profile": "Practitioner/alice/_history/1"}, "is not a profile"),
    ],
)
def test_create_member_says_what_is_wrong_and_makes_nothing(
    installed: Practice, changed: dict[str, str], why: str
) -> None:
    with pytest.raises(CommandError, match=why):
        member(**changed)
    assert not User.objects.exists() and not Membership.objects.exists()


def test_create_member_refuses_a_profile_or_policy_of_another_practice(installed: Practice) -> None:
    run("create_practice", "shelbyville", "Shelbyville Clinic")
    AccessPolicy.objects.filter(practice=installed).delete()
    elsewhere = AccessPolicy.objects.get(practice__fhir_id="shelbyville", fhir_id="supervisor")
    AccessPolicy.objects.filter(pk=elsewhere.pk).update(fhir_id="nurse")
    with pytest.raises(CommandError, match="no access policy “nurse”"):
        member(policy="nurse")
    with pytest.raises(CommandError, match="has no Practitioner/alice"):
        member(practice="shelbyville")
    assert not User.objects.exists()


def test_create_member_refuses_the_same_membership_twice(installed: Practice) -> None:
    member()
    with pytest.raises(CommandError, match="already Practitioner/alice"):
        member()
    assert Membership.objects.count() == 1


def test_create_member_refuses_a_deactivated_account(installed: Practice, deactivated: User) -> None:
    with pytest.raises(CommandError, match="deactivated"):
        member(deactivated.email)
    assert not Membership.objects.exists()


@pytest.mark.parametrize("password", ["", "short", "password1234"])
def test_create_member_refuses_a_password_that_is_easy_to_guess(
    installed: Practice, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setenv("FIRST_PASSWORD", password)
    with pytest.raises(CommandError, match="can not be used"):
        member("alice@clinic.example", "--password-env=FIRST_PASSWORD")
    assert not User.objects.exists()


def test_create_member_names_a_variable_that_is_not_set(installed: Practice) -> None:
    with pytest.raises(CommandError, match="NO_SUCH_VARIABLE is not set"):
        member("alice@clinic.example", "--password-env=NO_SUCH_VARIABLE")
    assert not User.objects.exists()


def test_a_policy_that_is_shipped_later_joins_a_practice_when_it_is_asked_for(installed: Practice) -> None:
    AccessPolicy.objects.filter(practice=installed).delete()
    member()
    assert [one.fhir_id for one in AccessPolicy.objects.filter(practice=installed)] == ["clinician"]
