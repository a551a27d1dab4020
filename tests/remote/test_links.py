"""Chains, `_has` and includes on a remote server: what a policy hides decides nothing there either."""

import pytest

from inbox import fhir
from inbox.fhir.client import Client
from inbox.fhir.guard import Guarded
from inbox.fhir.types import Params, Resource
from inbox.models import Practice
from tests import clinic
from tests.remote.conftest import Look

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def system(practice: Practice) -> Client:
    found = fhir.system(practice.pk)
    assert isinstance(found, Client)
    return found


@pytest.fixture
def labs(alice: Guarded) -> str:
    return clinic.start(alice, "Practitioner/bob", topic="Labs")


@pytest.fixture
def secret(bob: Guarded) -> str:
    """A thread that alice takes no part in."""
    return clinic.start(bob, "Practitioner/charlie", patient="", topic="Among us")


def ids(repo: Guarded | Client, type: str, *params: tuple[str, str]) -> set[str]:
    return {str(one["id"]) for one in repo.search(type, list(params)).resources}


def children(repo: Guarded | Client, thread: str) -> set[str]:
    return ids(repo, "Communication", ("part-of", f"Communication/{thread}"))


def test_a_chain_finds_by_what_is_referred_to(system: Client, alice: Guarded, labs: str, secret: str) -> None:
    chain: Params = [("part-of:Communication.recipient", "Practitioner/bob")]
    assert ids(system, "Communication", *chain) == children(system, labs) | children(system, secret)
    assert ids(alice, "Communication", *chain) == children(alice, labs)


def test_what_is_hidden_decides_nothing_in_a_chain(charlie: Guarded, alice: Guarded, labs: str) -> None:
    """Charlie may read a message whose thread is hidden from them: to ask by the thread tells nothing."""
    message: Resource = {
        **alice.search("Communication", [("part-of", f"Communication/{labs}")]).resources[0],
        "recipient": [{"reference": "Practitioner/charlie"}],
    }
    fhir.system(charlie.actor.practice).update(message)
    assert ids(charlie, "Communication", ("_id", message["id"])) == {message["id"]}
    chain = ("part-of:Communication.recipient", "Practitioner/alice")
    assert ids(charlie, "Communication", chain) == set()
    assert ids(charlie, "Communication", ("_id", message["id"]), chain) == set()


def test_has_finds_by_what_refers_to_it(system: Client, alice: Guarded, labs: str, secret: str, look: Look) -> None:
    has = ("_has:Communication:part-of:sender", "Practitioner/bob")
    assert ids(system, "Communication", has) == {secret}
    assert ids(alice, "Communication", has) == set()
    mine = ("_has:Communication:part-of:sender", "Practitioner/alice")
    assert ids(alice, "Communication", mine) == {labs}


def test_includes_bring_along_what_may_be_seen(alice: Guarded, labs: str) -> None:
    page = alice.search("Communication", [("_id", labs), ("_include", "Communication:recipient")])
    found = {f"{one['resourceType']}/{one['id']}" for one in page.included}
    assert {"Patient/homer", "Practitioner/alice", "Practitioner/bob"} <= found
    back = alice.search("Communication", [("_id", labs), ("_revinclude", "Communication:part-of")])
    assert {one["id"] for one in back.included} == children(alice, labs)


def test_a_total_counts_what_the_links_leave(alice: Guarded, labs: str, secret: str) -> None:
    chain = ("part-of:Communication.recipient", "Practitioner/bob")
    assert alice.search("Communication", [chain, ("_total", "accurate")]).total == 1
