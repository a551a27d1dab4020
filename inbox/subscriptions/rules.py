"""What a Subscription may ask for. What is not understood is refused by name, or it would tell too much or nothing.

Source: https://hl7.org/fhir/R4/subscription.html
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings

from inbox.channels import addresses, resthook
from inbox.fhir import builtin, controls, outcome, r4data, rows, search
from inbox.fhir.search import SearchRequest
from inbox.fhir.types import Resource

HOOK, SOCKET = "rest-hook", "websocket"
INTERACTIONS = ("create", "update", "delete")
PAYLOADS = ("application/fhir+json", "application/json")
SECRET = "https://www.medplum.com/fhir/StructureDefinition/subscription-secret"
SUPPORTED = "https://medplum.com/fhir/StructureDefinition/subscription-supported-interaction"
EXPRESSION = "https://medplum.com/fhir/StructureDefinition/fhir-path-criteria-expression"
MAX_CRITERIA = 4000
UNTOLD = frozenset({builtin.FILE, "AuditEvent"})
"""Types whose changes nobody is told of: files are read through what they are attached to, the trail is no news."""


@dataclass(frozen=True)
class Asked:
    """What a Subscription asks for, as it is kept beside it."""

    channel: str
    type: str
    interactions: tuple[str, ...]
    ends_at: int | None


def check(subscription: Resource) -> Asked:
    """What a Subscription asks for; raises Invalid or Unprocessable naming the element that can not be had."""
    request = criteria(subscription["criteria"])
    channel = subscription["channel"]
    if subscription.get("modifierExtension") or channel.get("modifierExtension"):
        raise outcome.Unprocessable("Modifier extensions are not supported.", expression="Subscription")
    if extension(subscription, EXPRESSION):
        raise outcome.Unprocessable(
            "Criteria as FHIRPath are not supported; use a search.", expression="Subscription.extension"
        )
    if channel["type"] == HOOK:
        _hook(channel)
    elif channel["type"] != SOCKET:
        text = f"A channel is {HOOK} or {SOCKET}; {channel['type']} is not supported."
        raise outcome.Unprocessable(text, expression="Subscription.channel.type")
    ends = subscription.get("end")
    return Asked(channel["type"], request.type, interactions(subscription), rows.micros(ends) if ends else None)


@lru_cache(maxsize=1024)
def criteria(text: str) -> SearchRequest:
    """Criteria such as `Communication?part-of:missing=false` as conditions that one resource can be judged by.

    Raises Invalid when they are no search, Unprocessable naming what needs more than the resource itself.
    """
    place = "Subscription.criteria"
    if len(text) > MAX_CRITERIA:
        raise outcome.Invalid(f"Criteria have {MAX_CRITERIA} characters at most.", expression=place)
    type, _, query = text.removeprefix("/").partition("?")
    if type not in r4data.RESOURCE_TYPES or type in UNTOLD:
        raise outcome.Invalid(f"Nobody can subscribe to “{type[:64]}”.", expression=place)
    try:
        request = search.parse(type, query)
        names = [name for name, _ in search.pairs(query)]
    except outcome.Invalid as error:
        raise outcome.Invalid(error.text, expression=place) from None
    for name in names:
        word = name.partition(":")[0]
        if word == "_has" or "." in name or word in controls.NAMES | controls.INCLUDES:
            text = f"“{name}” can not be in criteria: a resource is judged by itself."
            raise outcome.Unprocessable(text, expression=place)
    return request


def interactions(subscription: Resource) -> tuple[str, ...]:
    """The interactions that are told: those of Medplum's extension where it is given, else all."""
    asked = [one.get("valueCode") for one in extension(subscription, SUPPORTED)]
    for one in asked:
        if one not in INTERACTIONS:
            raise outcome.Invalid(f"“{one}” is not create, update or delete.", expression="Subscription.extension")
    return tuple(one for one in INTERACTIONS if one in asked) or INTERACTIONS


def secret(subscription: Resource) -> str:
    """What the rest-hook is signed with; empty where there is none yet."""
    found = [one.get("valueString") for one in extension(subscription, SECRET)]
    return str(found[0]) if found and found[0] else ""


def extension(subscription: Resource, url: str) -> list[Resource]:
    return [one for one in subscription.get("extension", []) if one.get("url") == url]


def hosts() -> addresses.Allowed:
    """The hosts that SUBSCRIPTION_HOSTS lists."""
    return addresses.parse(settings.SUBSCRIPTION_HOSTS)


def _hook(channel: Resource) -> None:
    for place, text in _faults(channel):
        raise outcome.Unprocessable(text, expression=f"Subscription.channel.{place}")


def _faults(channel: Resource) -> Iterator[tuple[str, str]]:
    """What is wrong with a rest-hook: element and text."""
    if channel.get("payload", PAYLOADS[0]) not in PAYLOADS:
        yield "payload", f"A payload is {' or '.join(PAYLOADS)}, or absent for a notice without content."
    try:
        resthook.headers(channel.get("header", []))
    except ValueError as error:
        yield "header", str(error)
    if not channel.get("endpoint"):
        yield "endpoint", "A rest-hook needs an endpoint."
    allowed = hosts()
    if not allowed.hosts:
        yield "endpoint", "Rest-hooks are switched off: no host is listed in the setting SUBSCRIPTION_HOSTS."
    try:
        allowed.target(channel.get("endpoint", ""))
    except addresses.Refused as error:
        yield "endpoint", str(error)
