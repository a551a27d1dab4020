"""What a Subscription may ask for, and what is refused by name, nothing being stored."""

import pytest

from inbox.fhir import outcome
from inbox.fhir.guard import Guarded
from inbox.fhir.types import Resource
from inbox.models import Subscription
from inbox.subscriptions import rules

from .conftest import hook, subscription

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "criteria",
    [
        "Communication",
        "Communication?part-of:missing=false&status=in-progress",
        "Communication?recipient=Practitioner/alice,Practitioner/bob",
        "Communication?status:not=completed%2Centered-in-error",
        "/Task?code=https://medplum.com/task-codes|read-receipt",
        "Patient?phone=%2B15551234567&_id=homer",
        "Subscription?status=error",
    ],
)
def test_criteria_that_one_resource_can_be_judged_by_are_taken(alice: Guarded, criteria: str) -> None:
    assert alice.create(subscription(criteria)).created


@pytest.mark.parametrize(
    ("criteria", "status", "named"),
    [
        ("", 400, ""),
        ("Nothing?status=x", 400, "Nothing"),
        ("Communication?" + "_id=x&" * 1000, 400, "characters"),
        ("Binary", 400, "Binary"),
        ("AuditEvent", 400, "AuditEvent"),
        ("Communication?colour=red", 400, "colour"),
        ("Communication?sent=yesterday", 400, "sent"),
        ("Communication?part-of.subject=Patient/1", 400, "part-of"),
        ("Communication?part-of:Communication.subject=Patient/1", 422, "part-of:Communication.subject"),
        ("Communication?_has:Communication:part-of:_id=1", 422, "_has"),
        ("Communication?_sort=sent", 422, "_sort"),
        ("Communication?_count=1", 422, "_count"),
        ("Communication?_include=Communication:sender", 422, "_include"),
    ],
)
def test_other_criteria_are_refused_by_name(alice: Guarded, criteria: str, status: int, named: str) -> None:
    with pytest.raises(outcome.FHIRError) as caught:
        alice.create(subscription(criteria))
    assert caught.value.status == status
    assert named in caught.value.text
    assert caught.value.expression == ["Subscription.criteria"]
    assert not Subscription.objects.exists()
    assert alice.search("Subscription", []).resources == []


HOOK = hook("https://hooks.example.org/inbox")


@pytest.mark.parametrize(
    ("place", "channel"),
    [
        ("type", {"type": "email", "endpoint": "mailto:x@example.org"}),
        ("endpoint", {"type": "rest-hook"}),
        ("endpoint", hook("http://hooks.example.org/inbox")),
        ("endpoint", hook("https://other.example.org/inbox")),
        ("endpoint", hook("https://me:secret@hooks.example.org/")),
        ("payload", {**HOOK, "payload": "application/fhir+xml"}),
        ("header", {**HOOK, "header": ["no colon"]}),
        ("header", {**HOOK, "header": ["X-Signature: mine"]}),
        ("header", {**HOOK, "header": ["Content-Length: 5"]}),
    ],
)
def test_a_channel_that_can_not_be_had_is_refused_by_element(
    alice: Guarded, settings: object, place: str, channel: Resource
) -> None:
    settings.SUBSCRIPTION_HOSTS = ["hooks.example.org"]  # type: ignore[attr-defined]
    assert alice.create(subscription(channel=HOOK)).created
    with pytest.raises(outcome.Unprocessable) as caught:
        alice.create(subscription(channel=channel))
    assert caught.value.expression == [f"Subscription.channel.{place}"]
    assert Subscription.objects.count() == 1


def test_without_a_listed_host_a_rest_hook_is_refused_and_the_setting_named(alice: Guarded, settings: object) -> None:
    settings.SUBSCRIPTION_HOSTS = [""]  # type: ignore[attr-defined]
    with pytest.raises(outcome.Unprocessable, match="SUBSCRIPTION_HOSTS"):
        alice.create(subscription(channel=HOOK))


@pytest.mark.parametrize(
    "element",
    [
        {"extension": [{"url": rules.EXPRESSION, "valueString": "%current.status = 'x'"}]},
        {"extension": [{"url": rules.SUPPORTED, "valueCode": "patch"}]},
        {"modifierExtension": [{"url": "https://clinic.example/x", "valueBoolean": True}]},
        {"status": "error"},
    ],
)
def test_what_would_change_the_meaning_is_not_ignored(alice: Guarded, element: Resource) -> None:
    with pytest.raises(outcome.FHIRError) as caught:
        alice.create(subscription(**element))
    assert caught.value.status in (400, 422)
    assert not Subscription.objects.exists()
