"""Writes as a transaction Bundle for a remote server, and its answer as what became of each write."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from . import outcome
from .repository import Write, Written
from .types import Bundle, Resource, split_reference

ID = "https://fhir-inbox.example/id"
"""Identifier system of what the system made under an id of its own choosing; few servers take such ids as they are."""
ENTRIES, CONDITIONAL = 50, 8
"""How many writes one transaction may hold: at all, and when one of them is conditional."""


def named(write: Write) -> Write:
    """A create of the system under an id: made once, by that id as an identifier, however often it is repeated."""
    assert write.resource is not None
    identifier = {"system": ID, "value": write.id}
    kept = [one for one in write.resource.get("identifier", []) if one != identifier]
    resource = {**write.resource, "identifier": [*kept, identifier]}
    return replace(write, resource=resource, if_none_exist=f"identifier={ID}|{write.id}")


def name_of(resource: Resource) -> str:
    """The id under which the system made a resource, empty for everybody else's."""
    found = [one for one in resource.get("identifier", []) if isinstance(one, dict)]
    return next((str(one.get("value", "")) for one in found if one.get("system") == ID), "")


def check(writes: Sequence[Write]) -> None:
    """Refuse more writes than a server takes in one transaction; raises TooLarge."""
    limit = CONDITIONAL if any(one.if_none_exist for one in writes) else ENTRIES
    if len(writes) > limit:
        raise outcome.TooLarge(f"The FHIR server takes at most {limit} changes at once; this has {len(writes)}.")


def transaction(writes: Sequence[Write]) -> Bundle:
    """A transaction Bundle; new resources are called by `urn:uuid`, wherever the others refer to them."""
    urls = {f"{one.type}/{one.id}": f"urn:uuid:{_uuid(one.id)}" for one in writes if one.method == "POST" and one.id}
    return {"resourceType": "Bundle", "type": "transaction", "entry": [_entry(one, urls) for one in writes]}


def _uuid(id: str) -> str:
    try:
        return str(uuid.UUID(id))
    except ValueError:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, id))


def _entry(write: Write, urls: dict[str, str]) -> Resource:
    if write.method == "POST":
        request = {"method": "POST", "url": write.type}
        if write.if_none_exist:
            request["ifNoneExist"] = write.if_none_exist
    else:
        request = {"method": write.method, "url": f"{write.type}/{write.id}"}
        if write.if_match:
            request["ifMatch"] = f'W/"{write.if_match}"'
    entry: Resource = {"request": request}
    if write.method == "POST":
        entry["fullUrl"] = urls.get(f"{write.type}/{write.id}", f"urn:uuid:{uuid.uuid4()}")
    if write.resource is not None:
        entry["resource"] = _renamed(body(write), urls)
    return entry


def body(write: Write) -> Resource:
    """What is sent of a resource: not the version and its time, which are the server's; a new one without an id."""
    assert write.resource is not None
    meta = {k: v for k, v in write.resource.get("meta", {}).items() if k not in ("versionId", "lastUpdated", "author")}
    rest = {name: value for name, value in write.resource.items() if name not in ("id", "meta")}
    id = {} if write.method == "POST" else {"id": write.id}
    return {**rest, **id, **({"meta": meta} if meta else {})}


def _renamed(value: Any, urls: dict[str, str]) -> Any:
    """References and urls to what the same transaction creates, as its `urn:uuid`."""
    if isinstance(value, list):
        return [_renamed(one, urls) for one in value]
    if not isinstance(value, dict):
        return value
    copy = {name: _renamed(one, urls) for name, one in value.items()}
    for name in ("reference", "url"):
        if isinstance(copy.get(name), str):
            copy[name] = urls.get(copy[name], copy[name])
    return copy


def written(write: Write, status: int, resource: Resource | None) -> Written:
    """What became of a write, from the status and the resource of its answer."""
    if write.method == "DELETE":
        return Written(None)
    conditional = write.method == "POST" and bool(write.if_none_exist)
    return Written(resource, created=status == 201, unchanged=conditional and status == 200)


def place(response: Resource) -> tuple[str, str]:
    """Type and id from the `location` of an answer, relative or absolute."""
    parts = re.sub(r"/_history/.*$", "", str(response.get("location", ""))).split("/")
    return split_reference("/".join(parts[-2:]))


def status(response: Resource) -> int:
    """The number of a status such as `201 Created`."""
    found = re.match(r"\d{3}", str(response.get("status", "")))
    return int(found[0]) if found else 500
