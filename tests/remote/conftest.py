"""The clinic of every test, on a server that others wrote; and the worker who follows its changes."""

from collections.abc import Callable
from typing import Any

import pytest

from inbox import fhir
from inbox.models import Practice
from inbox.services.elsewhere import Lookout
from tests import clinic
from tests.remote.peer import Peer, _peer, peer

__all__ = ["_peer", "peer"]

Look = Callable[[], int]


@pytest.fixture
def remote(settings: Any, peer: Peer) -> Peer:
    """The product put on the peer, for one test."""
    for name, value in peer.env.items():
        setattr(settings, name, value)
    return peer


@pytest.fixture
def practice(db: Any, remote: Peer) -> Practice:
    """Springfield, on the peer."""
    practice = fhir.create_practice("springfield", "Springfield Clinic")
    fhir.bulk_load(practice, clinic.people())
    return practice


@pytest.fixture
def look(practice: Practice) -> Look:
    """Let the worker deal with everything that is new; it has looked once, so that what is there is not news."""
    lookout = Lookout()
    lookout.work(now=True)

    def settle() -> int:
        found = total = lookout.work(now=True)
        while found:
            found = lookout.work(now=True)
            total += found
        return total

    return settle
