"""The servers that the interop suite talks to; each starts once, when a test first needs it."""

from collections.abc import Iterator

import pytest

from tests.interop.peer import Peer, need_node, peer
from tests.interop.server import Inbox, inbox


@pytest.fixture(scope="session")
def other_server() -> Iterator[Peer]:
    """The FHIR server that others wrote."""
    with peer() as one:
        yield one


@pytest.fixture(scope="session")
def our_server() -> Iterator[Inbox]:
    """The demo clinic with its machine clients, where Node can talk to it."""
    need_node()
    with inbox() as one:
        yield one
