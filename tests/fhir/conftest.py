"""The back ends that the contract of a repository is tested on.

A test that needs what only the embedded store has says so with `store_only("why")`; `not_on("peer", "why")` leaves
out one back end of which is known that it does otherwise.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from inbox import fhir
from inbox.fhir import place
from inbox.fhir.client import Client
from inbox.fhir.repository import Repository
from inbox.fhir.types import Actor
from inbox.models import Practice
from tests import clinic, invariants
from tests.remote import own
from tests.remote.peer import Peer, _peer, peer

__all__ = ["_peer", "peer"]

TYPES = ("Communication", "Observation", "Organization", "Patient", "Practitioner", "RelatedPerson", "Task")
OPEN = {"resourceType": "AccessPolicy", "id": "open", "resource": [{"resourceType": type} for type in TYPES]}
HERE = ("store", "guarded", "api", "guarded api")
# What is kept on the peer does not depend on the database that is here.
BACK_ENDS = HERE if connection.vendor == "postgresql" else (*HERE, "peer", "guarded peer")


def back_end(name: str, practice: Practice) -> Repository:
    """A repository in which nothing is hidden, named as in `BACK_ENDS`; a remote one where the settings name it."""
    actor = Actor(practice.pk, "Practitioner/alice", ("Practitioner/alice",), "Dr. Alice Smith")
    if "api" in name:
        client = own.back_end(actor, practice, OPEN)
        return own.guarded(client, OPEN) if "guarded" in name else client
    return fhir.connect(actor, OPEN) if "guarded" in name else place.back_end(actor)


def on_peer(settings: Any, peer: Peer) -> None:
    """Put the product on the peer for one test."""
    for name, value in peer.env.items():
        setattr(settings, name, value)


def is_remote(repo: Any) -> bool:
    """Whether a repository is on another server, behind a guard or not."""
    return isinstance(getattr(repo, "store", repo), Client)


def state(repo: Any) -> dict[str, Any]:
    """All that is kept, for telling that nothing has changed: every row here, every resource of a remote server."""
    back = getattr(repo, "store", repo)
    if not isinstance(back, Client):
        return dict(invariants.snapshot())
    everything: dict[str, Any] = {type: back.search(type, [("_count", "1000")]).resources for type in TYPES}
    return everything


@pytest.fixture(params=BACK_ENDS)
def repo(request: pytest.FixtureRequest, settings: Any) -> Iterator[Repository]:
    """The contract holds for each of these."""
    name = request.param
    for mark in request.node.iter_markers("not_on"):
        if mark.args[0] in name:
            pytest.skip(mark.args[1])
    for mark in request.node.iter_markers("store_only"):
        if "peer" in name or "api" in name:
            pytest.skip(mark.args[0])
    if "peer" in name:
        on_peer(settings, request.getfixturevalue("peer"))
    practice = request.getfixturevalue("practice")
    yield back_end(name, practice)


@pytest.fixture(params=["store", "guarded"])
def embedded(request: pytest.FixtureRequest, practice: Practice) -> Repository:
    """The embedded store alone, for what does not depend on where the data are."""
    return back_end(request.param, practice)


@pytest.fixture
def practice(db: Any) -> Practice:
    """Springfield, wherever the settings of the test put it."""
    practice = fhir.create_practice("springfield", "Springfield Clinic")
    fhir.bulk_load(practice, clinic.people())
    return practice
