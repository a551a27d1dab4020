"""`manage.py deliveries`: an operator sees what was not delivered, and has it sent again."""

from io import StringIO

import pytest
from django.core.management import call_command

from inbox.fhir import rows
from inbox.models import Delivery, Practice, Subscription

pytestmark = pytest.mark.django_db


@pytest.fixture
def failed(practice: Practice) -> Delivery:
    """One that was given up, one that waits, one that is done."""
    about = {"practice": practice, "fhir_id": "s1", "owner": "a", "channel": "rest-hook", "type": "Patient"}
    times = {"since": 0, "seen_at": 0}
    follower = Subscription.objects.create(**about, criteria="Patient", interactions="create", active=True, **times)
    made = [
        Delivery.objects.create(
            subscription=follower,
            at=rows.now(),
            interaction="create",
            type="Patient",
            fhir_id=state,
            version=1,
            lane=state,
            state=state,
            tries=16,
            error="The endpoint answered 500." if state == "dead" else "",
        )
        for state in ("dead", "waiting", "done")
    ]
    return made[0]


def said(*arguments: str) -> str:
    out = StringIO()
    call_command("deliveries", *arguments, stdout=out)
    return out.getvalue()


def test_what_was_given_up_is_listed_with_its_error(failed: Delivery) -> None:
    text = said()
    assert "Subscription/s1 create Patient/dead version 1, 16 tries: The endpoint answered 500." in text
    assert "1 deliveries." in text
    assert "Patient/waiting" in said("--waiting")
    assert "0 deliveries." in said("--subscription", "other")


def test_what_was_given_up_waits_once_more(failed: Delivery) -> None:
    assert "0 deliveries wait" in said("--again", "--subscription", "other")
    assert "1 deliveries wait" in said("--again", "--subscription", "s1")
    failed.refresh_from_db()
    assert (failed.state, failed.tries, failed.next_at, failed.error) == ("waiting", 0, 0, "")
    assert "0 deliveries." in said()
