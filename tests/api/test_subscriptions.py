"""Subscriptions through the API: made, refused, and the token for their WebSocket."""

import json
from typing import Any

import pytest

from inbox.fhir import members
from inbox.subscriptions import bindings, tokens
from tests.api.conftest import Api, Connect, outcome_of

pytestmark = pytest.mark.django_db(databases="__all__")


def subscription(**elements: Any) -> dict[str, Any]:
    about = {"resourceType": "Subscription", "status": "active", "reason": "news", "criteria": "Communication"}
    return {**about, "channel": {"type": "websocket"}, **elements}


def made(api: Api, **elements: Any) -> str:
    answer = api.post("/Subscription", subscription(**elements))
    assert answer.status_code == 201, answer.content
    return str(json.loads(answer.content)["id"])


def test_a_token_names_all_three_things_that_clients_ask_for_and_binds(machine: Api) -> None:
    id = made(machine)
    answer = machine.get(f"/Subscription/{id}/$get-ws-binding-token")
    assert answer.status_code == 200
    found = json.loads(answer.content)
    assert found["resourceType"] == "Parameters"
    given = {one["name"]: one for one in found["parameter"]}
    assert set(given) == {"token", "expiration", "websocket-url"}
    binding = bindings.bind(given["token"]["valueString"])
    assert binding.token.subscription == id
    assert members.reconnect(binding.token.membership) is not None
    assert given["websocket-url"]["valueUrl"].endswith(tokens.PATH)


def test_a_membership_that_is_deactivated_binds_nothing(machine: Api) -> None:
    from accounts.models import Membership
    from inbox.fhir import outcome

    answer = machine.get(f"/Subscription/{made(machine)}/$get-ws-binding-token")
    token = json.loads(answer.content)["parameter"][0]["valueString"]
    assert bindings.bind(token)
    Membership.objects.update(active=False)
    with pytest.raises(outcome.Unauthorized):
        bindings.bind(token)


def test_who_may_not_read_the_subscription_gets_no_token(machine: Api, connect: Connect, nobody: Api) -> None:
    id = made(machine, channel={"type": "rest-hook", "endpoint": "http://127.0.0.1:9/", "payload": "application/json"})
    client = connect("Practitioner/bob", "client")
    hidden = client.get(f"/Subscription/{id}/$get-ws-binding-token")
    nowhere = client.get("/Subscription/none/$get-ws-binding-token")
    assert (hidden.status_code, hidden.content) == (404, nowhere.content)
    assert (
        connect("Practitioner/alice", "clinician").get(f"/Subscription/{id}/$get-ws-binding-token").status_code == 403
    )
    assert nobody.get(f"/Subscription/{id}/$get-ws-binding-token").status_code == 401
    assert machine.get(f"/Subscription/{id}/$get-ws-binding-token").status_code == 422


def test_a_client_has_websockets_and_no_rest_hooks(connect: Connect) -> None:
    client = connect("Practitioner/bob", "client")
    assert made(client)
    hook = {"type": "rest-hook", "endpoint": "http://127.0.0.1:9/"}
    assert client.post("/Subscription", subscription(channel=hook)).status_code == 403


def test_bad_criteria_are_named(machine: Api) -> None:
    answer = machine.post("/Subscription", subscription(criteria="Communication?colour=red"))
    assert answer.status_code == 400
    assert outcome_of(answer)["issue"][0]["expression"] == ["Subscription.criteria"]
    chained = machine.post("/Subscription", subscription(criteria="Communication?subject:Patient.name=x"))
    assert chained.status_code == 422
