"""Where the data are: in the embedded store, or on the remote server of the settings.

A remote server is one practice. Accounts, policies, the audit trail and the outbox are here in either mode.
"""

import threading
from dataclasses import dataclass

from django.conf import settings

from . import capability as capabilities
from . import outcome
from .backend import BackEnd
from .capability import Capability, Note
from .client import Client
from .remote_http import Server
from .remote_token import Credentials
from .store import Store
from .store import system as store_system
from .types import Actor
from .writes import SYSTEM


@dataclass
class Remote:
    """The remote server of this process, and what it can do once it has answered."""

    server: Server
    capability: Capability | None = None

    def known(self) -> Capability:
        """What the server can do; asked once, and logged. Raises Busy while it does not answer."""
        if self.capability is None:
            found = capabilities.parse(self.server.get("metadata").body)
            found.log(self.server.base)
            self.capability = found
        return self.capability


_lock = threading.Lock()
_remotes: dict[tuple[str, Credentials, float], Remote] = {}


def remote() -> Remote | None:
    """The remote server of the settings, one for each process; None when the data are here."""
    if not settings.FHIR_BASE_URL:
        return None
    credentials = Credentials(
        settings.FHIR_TOKEN_URL, settings.FHIR_CLIENT_ID, settings.FHIR_CLIENT_SECRET, settings.FHIR_TOKEN
    )
    key = (settings.FHIR_BASE_URL, credentials, float(settings.FHIR_TIMEOUT))
    with _lock:
        if key not in _remotes:
            _remotes[key] = Remote(Server(key[0], credentials, timeout=key[2]))
        return _remotes[key]


@dataclass(frozen=True)
class Status:
    """A remote server as administrators see it; `problem` says why it can not be worked with at this moment."""

    base: str
    software: str
    fhir_version: str
    writes: bool
    notes: tuple[Note, ...]
    problem: str


def status() -> Status | None:
    """The remote server of the settings as it is now; None when the data are here."""
    there = remote()
    if there is None:
        return None
    wrong = problem()
    found = there.capability or Capability()
    notes = tuple(found.notes()) if there.capability else ()
    writes = there.capability is not None and found.writes
    return Status(there.server.base, found.software, found.fhir_version, writes, notes, wrong)


def problem() -> str:
    """Why the remote server can not be worked with at this moment, asked without patience; empty when it can."""
    there = remote()
    if there is None:
        return ""
    try:
        there.server.probe()
        there.known()
    except outcome.FHIRError as error:
        return error.text
    return ""


def back_end(actor: Actor) -> BackEnd:
    """The data of an actor's practice without a guard, written in this actor's name."""
    there = remote()
    return Store(actor) if there is None else Client(actor, there.server, there.known)


def system(practice: int) -> BackEnd:
    """The data of a practice without a guard, written by the system."""
    there = remote()
    if there is None:
        return store_system(practice)
    return Client(Actor(practice, SYSTEM, (SYSTEM,)), there.server, there.known, trusted=True)
