"""Bundles of what was found: entries with their addresses, links to the next page, what was left out."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from .repository import Page
from .types import Params, Resource, deletion

Address = Callable[[str], str]
"""From a path below the base, such as `/Patient/1`, to an absolute address."""


def of_page(type: str, params: Params, page: Page, address: Address) -> Resource:
    """A searchset: matches, what they brought along, then an outcome that says what was ignored or left out."""
    entries = [_entry(one, "match", address) for one in page.resources]
    entries += [_entry(one, "include", address) for one in page.included]
    if page.warnings:
        entries.append({"resource": _warnings(page.warnings), "search": {"mode": "outcome"}})
    links = [{"relation": "self", "url": _link(type, params, address)}]
    if page.next:
        kept = [one for one in params if one[0] not in ("_cursor", "_offset")]
        onward = [*kept, ("_cursor", page.next)]
        links.append({"relation": "next", "url": _link(type, onward, address)})
    bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "link": links}
    if page.total is not None:
        bundle["total"] = page.total
    if entries:
        bundle["entry"] = entries
    return bundle


def of_history(place: str, versions: Sequence[Resource], address: Address) -> Resource:
    """A history Bundle of what is at a place (`/Patient/1`), newest first."""
    entries = []
    for one in versions:
        method = "DELETE" if deletion(one) else "POST" if _first(one) else "PUT"
        url = one["resourceType"] if method == "POST" else f"{one['resourceType']}/{one['id']}"
        status = {"DELETE": "204", "POST": "201", "PUT": "200"}[method]
        response = {"status": status, "lastModified": one["meta"]["lastUpdated"]}
        entry: dict[str, Any] = {"fullUrl": address(f"/{one['resourceType']}/{one['id']}")}
        if method != "DELETE":
            entry["resource"] = one
            response["etag"] = f'W/"{one["meta"]["versionId"]}"'
        entries.append({**entry, "request": {"method": method, "url": url}, "response": response})
    bundle: Resource = {"resourceType": "Bundle", "type": "history", "total": len(versions)}
    bundle["link"] = [{"relation": "self", "url": address(f"{place}/_history")}]
    return {**bundle, "entry": entries} if entries else bundle


def _first(version: Resource) -> bool:
    return bool(version["meta"]["versionId"] == "1")


def _entry(resource: Resource, mode: str, address: Address) -> dict[str, Any]:
    place = f"/{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": address(place), "resource": resource, "search": {"mode": mode}}


def _warnings(texts: Sequence[str]) -> Resource:
    issues = [{"severity": "warning", "code": "incomplete", "details": {"text": text}} for text in texts]
    return {"resourceType": "OperationOutcome", "issue": issues}


def _link(type: str, params: Params, address: Address) -> str:
    return address(f"/{type}") + (f"?{urlencode(params)}" if params else "")
