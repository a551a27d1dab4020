"""What the tables themselves refuse."""

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from accounts.models import Membership, User, policies_of
from inbox.fhir import members
from inbox.models import Practice


def refused(email: str) -> bool:
    try:
        with transaction.atomic():
            User.objects.create(email=email, password="!")
    except IntegrityError:
        return True
    return False


def test_one_address_has_one_account(alice_alone: User) -> None:
    assert refused("alice@clinic.example")
    assert refused("ALICE@clinic.example")
    assert not refused("bob@clinic.example")


def test_an_address_in_capitals_which_nobody_would_find_is_refused() -> None:
    assert refused("Bob@clinic.example")


def test_a_person_may_act_as_several_profiles_but_not_twice_as_one(membership: Membership) -> None:
    again = {"user": membership.user, "practice": membership.practice}
    Membership.objects.create(profile="Practitioner/alice-too", **again)
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(profile="Practitioner/alice", **again)


def test_a_membership_whose_policy_is_deleted_is_left_without_any(membership: Membership) -> None:
    assert membership.policy is not None
    membership.policy.delete()
    membership.refresh_from_db()
    assert membership.policy is None


def test_a_practice_with_members_is_not_deleted(membership: Membership) -> None:
    with pytest.raises(ProtectedError):
        membership.practice.delete()


def test_the_store_is_told_the_policies_under_which_a_profile_signs_in(
    membership: Membership, shelbyville: Practice
) -> None:
    asked = membership.practice_id, membership.profile
    assert membership.policy is not None
    assert policies_of(*asked) == [membership.policy.body]
    assert policies_of(shelbyville.pk, membership.profile) == []
    Membership.objects.update(policy=None)
    assert policies_of(*asked) == [""]
    User.objects.update(is_active=False)
    assert policies_of(*asked) == []
    User.objects.update(is_active=True)
    Membership.objects.update(active=False)
    assert policies_of(*asked) == []


def test_the_store_asks_this_app() -> None:
    assert policies_of in members._lookups
