"""The token that binds a WebSocket to a Subscription: signed, for a quarter of an hour, for one membership."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.core import signing

from inbox.fhir import outcome
from inbox.fhir.repository import Repository
from inbox.fhir.types import Resource

from . import rules

LIFETIME = 900
"""Seconds. Medplum's client asks for another one five minutes before the end, and looks every minute."""
SALT = "inbox.subscriptions.binding"
PATH = "/ws/subscriptions-r4"


@dataclass(frozen=True)
class Token:
    practice: int
    subscription: str
    membership: str


def issue(repo: Repository, id: str) -> Resource:
    """A binding token as Parameters, for whoever may read the Subscription. Raises NotFound, Gone, Forbidden.

    Raises Unprocessable for a Subscription that is no WebSocket one, is turned off, or lives on a remote server.
    """
    subscription = repo.read("Subscription", id)
    if settings.FHIR_BASE_URL:
        raise outcome.Unprocessable("The data are on another server; ask that one for its WebSocket.")
    if subscription["channel"]["type"] != rules.SOCKET:
        raise outcome.Unprocessable("This Subscription has no WebSocket.", expression="Subscription.channel.type")
    if subscription["status"] == "off":
        raise outcome.Unprocessable("This Subscription is turned off.", expression="Subscription.status")
    actor = repo.actor
    value = {"practice": actor.practice, "subscription": id, "membership": actor.membership}
    ends = datetime.now(UTC) + timedelta(seconds=LIFETIME)
    parameters = [
        {"name": "token", "valueString": signing.dumps(value, salt=SALT)},
        {"name": "expiration", "valueDateTime": ends.strftime("%Y-%m-%dT%H:%M:%SZ")},
        {"name": "websocket-url", "valueUrl": url()},
    ]
    return {"resourceType": "Parameters", "parameter": parameters}


def read(text: str) -> Token:
    """What a token stands for; raises Unauthorized for one that is none, or is over."""
    try:
        return Token(**signing.loads(text, salt=SALT, max_age=LIFETIME))
    except (signing.BadSignature, TypeError):
        raise outcome.Unauthorized("This is no binding token, or its time is over.") from None


def url() -> str:
    """The address of the WebSocket: `wss://` where pages are `https://`."""
    return "ws" + settings.BASE_URL.removeprefix("http") + PATH
