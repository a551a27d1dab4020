"""Transaction Bundles: `urn:uuid` references become ids, entries become writes in the order that FHIR asks for."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from . import outcome
from .repository import Write, Written
from .types import Bundle, Resource, split_reference

ORDER = {"DELETE": 0, "POST": 1, "PUT": 2}


@dataclass(frozen=True)
class Plan:
    """The writes of a Bundle, and for each entry which write it is, or what it found existing."""

    writes: list[Write]
    places: list[int]
    existing: list[Resource | None]


def plan(bundle: Bundle, existing: Callable[[Write], Resource | None]) -> Plan:
    """The writes of a transaction Bundle; `existing` answers a conditional create that has a match already."""
    if bundle.get("resourceType") != "Bundle" or bundle.get("type") != "transaction":
        raise outcome.Invalid("This is not a transaction Bundle.", expression="Bundle.type")
    entries = bundle.get("entry", [])
    found: list[Resource | None] = []
    ids: dict[str, str] = {}
    drafts: list[Write] = []
    for index, entry in enumerate(entries):
        write = _write(entry, f"Bundle.entry[{index}]")
        match = existing(write) if write.if_none_exist else None
        found.append(match)
        drafts.append(write)
        if entry.get("fullUrl", "").startswith("urn:"):
            if entry["fullUrl"] in ids:
                raise outcome.Invalid("This fullUrl is used twice.", expression=f"Bundle.entry[{index}].fullUrl")
            ids[entry["fullUrl"]] = f"{write.type}/{match['id'] if match else write.id}"
    order = sorted((i for i in range(len(drafts)) if found[i] is None), key=lambda i: ORDER[drafts[i].method])
    writes = [_resolved(drafts[i], ids, f"Bundle.entry[{i}]") for i in order]
    places = [order.index(i) if i in order else -1 for i in range(len(drafts))]
    return Plan(writes, places, found)


def response(plan: Plan, written: Sequence[Written]) -> Bundle:
    """The transaction-response, entries in the order of the request."""
    entries = []
    for place, existing in zip(plan.places, plan.existing, strict=True):
        one = Written(existing, unchanged=True) if place < 0 else written[place]
        write = plan.writes[place] if place >= 0 else None
        entries.append(_entry(one, write))
    return {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}


def _entry(written: Written, write: Write | None) -> dict[str, Any]:
    resource = written.resource
    if resource is None:
        status = "204" if write is not None and write.method == "DELETE" else "201" if written.created else "200"
        return {"response": {"status": status}}
    place = f"{resource['resourceType']}/{resource['id']}/_history/{resource['meta']['versionId']}"
    answer = {
        "status": "201" if written.created else "200",
        "location": place,
        "etag": f'W/"{resource["meta"]["versionId"]}"',
        "lastModified": resource["meta"]["lastUpdated"],
    }
    return {"resource": resource, "response": answer}


def _write(entry: Any, where: str) -> Write:
    request = entry.get("request") if isinstance(entry, dict) else None
    if not isinstance(request, dict):
        raise outcome.Invalid("This entry has no request.", expression=f"{where}.request")
    method, url = request.get("method"), str(request.get("url", "")).removeprefix("/")
    if method not in ORDER:
        raise outcome.Invalid(
            f"A transaction takes POST, PUT and DELETE, not {method}.", expression=f"{where}.request.method"
        )
    resource = entry.get("resource")
    if method != "DELETE" and not isinstance(resource, dict):
        raise outcome.Invalid("This entry has no resource.", expression=f"{where}.resource")
    if method == "POST":
        if resource.get("resourceType") != url:
            raise outcome.Invalid(f"The url {url} is not the resource's type.", expression=f"{where}.request.url")
        return Write("POST", url, str(uuid.uuid4()), resource, if_none_exist=str(request.get("ifNoneExist", "")))
    type, id = split_reference(url)
    named = (type, id) if resource is None else (resource.get("resourceType"), resource.get("id"))
    if not type or url != f"{type}/{id}" or named != (type, id):
        raise outcome.Invalid(f"The url {url} is not the resource's type and id.", expression=f"{where}.request.url")
    return Write(method, type, id, resource, if_match=_version(request.get("ifMatch", "")))


def _version(etag: str) -> str:
    return etag.removeprefix("W/").strip('"')


def _resolved(write: Write, ids: dict[str, str], where: str) -> Write:
    if write.resource is None:
        return write
    resource = _replace(write.resource, ids, f"{where}.resource")
    return Write(write.method, write.type, write.id, {**resource, "id": write.id}, write.if_match)


def _replace(value: Any, ids: dict[str, str], where: str) -> Any:
    if isinstance(value, list):
        return [_replace(one, ids, f"{where}[{index}]") for index, one in enumerate(value)]
    if not isinstance(value, dict):
        return value
    copy = {name: _replace(one, ids, f"{where}.{name}") for name, one in value.items()}
    for name in ("reference", "url"):
        target = copy.get(name)
        if isinstance(target, str) and target.startswith("urn:uuid:"):
            if target not in ids and name == "reference":
                raise outcome.UnknownReference(f"Unknown reference {target}", expression=f"{where}.reference")
            copy[name] = ids.get(target, target)
    return copy
