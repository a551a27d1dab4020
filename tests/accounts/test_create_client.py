"""`manage.py create_client`: a machine or an app that may log in."""

from io import StringIO
from typing import Any

import pytest
from allauth.idp.oidc.models import Client
from django.core.management import CommandError, call_command

from accounts.models import Membership
from inbox.models import Practice


def machine(id: str = "laboratory", **options: Any) -> tuple[str, str]:
    """Run create_client; what it printed and what it said beside."""
    out, err = StringIO(), StringIO()
    wanted = {"practice": "springfield", "profile": "Practitioner/alice", "policy": "client", **options}
    call_command("create_client", id, **wanted, stdout=out, stderr=err)
    return out.getvalue().strip(), err.getvalue()


def test_create_client_prints_the_secret_once_and_keeps_a_hash(installed: Practice) -> None:
    secret, said = machine()
    client = Client.objects.get(pk="laboratory")
    assert client.check_secret(secret) and secret not in client.secret and secret not in said
    assert not client.check_secret(secret[:-1]) and not client.check_secret("")
    assert len(secret) == 43
    membership = Membership.objects.get(client=client)
    assert (membership.profile, membership.policy.fhir_id, membership.user) == ("Practitioner/alice", "client", None)


def test_create_client_makes_an_app_without_a_secret(installed: Practice) -> None:
    printed, _ = machine(redirect_uri=["https://app.example/back", "com.example.app:/back", "http://127.0.0.1:9/back"])
    assert printed == "An app has no secret."
    assert Membership.objects.get(client="laboratory").is_app


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"id": "1"}, "a letter first"),
        ({"id": "12345"}, "a letter first"),
        ({"id": "lab\x00"}, "a letter first"),
        ({"id": "x" * 64}, "a letter first"),
        ({"name": "x" * 101}, "more than 100"),
        ({"policy": "emperor"}, "no access policy"),
        ({"profile": "Practitioner/nobody"}, "has no Practitioner/nobody"),
        ({"profile": "Patient/alice"}, "is not a profile"),
        ({"redirect_uri": ["http://app.example/back"]}, "is no address"),
        ({"redirect_uri": ["javascript:alert(1)"]}, "is no address"),
        ({"redirect_uri": ["https://*.example/back"]}, "is no address"),
        ({"redirect_uri": ["https://app.example/#x"]}, "is no address"),
        ({"redirect_uri": ["https://app.example/back\nhttps://evil.example"]}, "is no address"),
        ({"redirect_uri": ["https:///back"]}, "is no address"),
    ],
)
def test_create_client_says_what_is_wrong_and_makes_nothing(
    installed: Practice, changed: dict[str, Any], why: str
) -> None:
    with pytest.raises(CommandError, match=why):
        machine(**changed)
    assert not Client.objects.exists() and not Membership.objects.exists()


def test_create_client_refuses_an_id_that_is_taken_in_any_letters(installed: Practice) -> None:
    machine()
    with pytest.raises(CommandError, match="already"):
        machine("Laboratory")
    assert Client.objects.count() == 1
