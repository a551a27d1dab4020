"""The entries of a transaction or batch Bundle, read: what each asks for, and nothing but resources of this server.

Source: https://hl7.org/fhir/R4/http.html#transaction
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from . import outcome, r4data, rows
from .primitives import ID
from .repository import Write
from .search import pairs
from .types import Bundle, Operations, Resource

READS = ("GET", "HEAD")
WRITES = ("DELETE", "POST", "PUT", "PATCH")
"""In the order in which a transaction does them; reads come last."""

PATCH_TYPES = ("application/json-patch+json", "application/json")
PLAIN = re.compile(r"[!-~]*", re.ASCII)


@dataclass(frozen=True)
class Read:
    """One reading entry: a resource, one version of it, its history, or (without an id) a search."""

    method: str
    type: str
    id: str = ""
    version: str = ""
    history: bool = False
    params: tuple[tuple[str, str], ...] = ()
    if_none_match: str = ""
    place: str = ""


Request = Write | Read


def entries(bundle: Bundle, type: str) -> list[Any]:
    """The entries of a Bundle of this type, as they came; raises TooLarge for too many."""
    if bundle.get("resourceType") != "Bundle" or bundle.get("type") != type:
        raise outcome.Invalid(f"This is not a {type} Bundle.", expression="Bundle.type")
    found = bundle.get("entry", [])
    if not isinstance(found, list):
        raise outcome.Invalid("entry must be a list.", expression="Bundle.entry")
    if len(found) > settings.FHIR_MAX_BUNDLE_ENTRIES:
        most = settings.FHIR_MAX_BUNDLE_ENTRIES
        raise outcome.TooLarge(f"A Bundle has at most {most} entries, not {len(found)}.", expression="Bundle.entry")
    return found


def place(index: int) -> str:
    return f"Bundle.entry[{index}]"


def read_all(found: list[Any]) -> list[Request]:
    """What the entries of a transaction ask for; raises what the first bad one deserves."""
    requests = []
    names: set[str] = set()
    for index, entry in enumerate(found):
        one = read(entry, place(index))
        name = one.full_url if isinstance(one, Write) else ""
        if name in names:
            raise outcome.Invalid("This fullUrl is used twice.", expression=f"{place(index)}.fullUrl")
        names |= {name} if name else set()
        requests.append(one)
    return requests


def read(entry: Any, place: str) -> Request:
    """What one entry asks for."""
    request = entry.get("request") if isinstance(entry, dict) else None
    if not isinstance(request, dict):
        raise outcome.Invalid("This entry has no request.", expression=f"{place}.request")
    method = request.get("method")
    if method not in (*READS, *WRITES):
        raise outcome.Invalid(f"There is no method {_short(method)}.", expression=f"{place}.request.method")
    address = _address(request.get("url"), f"{place}.request.url")
    if method in READS:
        return _reading(method, address, request, place)
    return _writing(method, address, request, entry, place)


@dataclass(frozen=True)
class Address:
    """The parts of a relative address, and its query as it was written."""

    parts: tuple[str, ...]
    query: str
    expression: str

    def wrong(self, text: str) -> outcome.Invalid:
        return outcome.Invalid(text, expression=self.expression)


def _address(url: Any, expression: str) -> Address:
    """Raises Invalid for whatever does not lead to a resource type of this server; nothing is ever fetched."""
    if not isinstance(url, str) or not PLAIN.fullmatch(url.partition("?")[0]):
        raise outcome.Invalid("This is not an address.", expression=expression)
    path, _, query = url.removeprefix("/").partition("?")
    parts = tuple(path.split("/"))
    if parts[0] not in r4data.ALL_RESOURCE_TYPES:
        raise outcome.Invalid(f"{_short(url)} is no address of a resource here.", expression=expression)
    history = len(parts) in (3, 4) and parts[2] == "_history"
    named = all(ID.fullmatch(one) and one.strip(".") for one in parts[1:2] + parts[3:])
    if (len(parts) > 2 and not history) or not named:
        raise outcome.Invalid(f"{_short(url)} is no address of a resource here.", expression=expression)
    return Address(parts, query, expression)


def _reading(method: str, address: Address, request: Mapping[str, Any], place: str) -> Read:
    parts, tag = address.parts, _version(request, "ifNoneMatch", place)
    params = tuple(pairs(address.query)) if address.query else ()
    if len(parts) == 1:
        return Read(method, parts[0], params=params, place=place)
    if params:
        raise address.wrong(f"Unknown parameter {_short(params[0][0])}.")
    version = parts[3] if len(parts) == 4 else ""
    return Read(method, parts[0], parts[1], version, len(parts) == 3, (), tag, place)


def _writing(method: str, address: Address, request: Mapping[str, Any], entry: Resource, place: str) -> Write:
    type, id = address.parts[0], "".join(address.parts[1:2])
    if method == "POST" and (id or address.query):
        raise address.wrong("A create has the resource type alone for its address.")
    if len(address.parts) > 2 or (method != "POST" and bool(id) == bool(address.query)):
        raise address.wrong("This takes the address of a resource, or a search that names one.")
    body: dict[str, Any] = {}
    if method != "DELETE":
        resource = entry.get("resource")
        if not isinstance(resource, dict):
            raise outcome.Invalid("This entry has no resource.", expression=f"{place}.resource")
        if method == "PATCH":
            body["operations"] = operations(resource, f"{place}.resource")
        elif resource.get("resourceType") != type or (id and resource.get("id") != id):
            raise address.wrong("The address is not the resource's type and id.")
        else:
            body["resource"] = resource
    return Write(
        method,
        type,
        id,
        if_match=_version(request, "ifMatch", place),
        if_none_exist=_text(request, "ifNoneExist", f"{place}.request") if method == "POST" else "",
        where=address.query,
        full_url=_text(entry, "fullUrl", place),
        place=place,
        **body,
    )


def operations(resource: Resource, expression: str) -> Operations:
    """The JSON Patch in a Binary (base64), or in a Parameters whose operations have `op`, `path` and a JSON `value`.

    Sources: https://hl7.org/fhir/R4/http.html#patch and, for Parameters, the router of Medplum.
    """
    if resource.get("resourceType") == "Parameters":
        return _parameters(resource, expression)
    if resource.get("resourceType") != "Binary":
        raise outcome.Invalid("A patch is in a Binary or a Parameters.", expression=expression)
    if str(resource.get("contentType", PATCH_TYPES[0])).partition(";")[0] not in PATCH_TYPES:
        raise outcome.Invalid(f"A patch is {PATCH_TYPES[0]}.", expression=f"{expression}.contentType")
    try:
        found = rows.loads(base64.b64decode(resource["data"], validate=True).decode())
    except (KeyError, TypeError, ValueError, binascii.Error, RecursionError):
        raise outcome.Invalid("The data are not a JSON Patch in base64.", expression=f"{expression}.data") from None
    if not isinstance(found, list):
        raise outcome.Invalid("A JSON Patch is a list of operations.", expression=f"{expression}.data")
    return found


def _parameters(resource: Resource, expression: str) -> Operations:
    found: Operations = []
    try:
        for parameter in resource["parameter"]:
            parts = {part["name"]: part for part in parameter["part"]}
            operation = {"op": parts["op"]["valueCode"], "path": parts["path"]["valueString"]}
            if "from" in parts:
                operation["from"] = parts["from"]["valueString"]
            if "value" in parts:
                operation["value"] = rows.loads(parts["value"]["valueString"])
            found.append(operation)
    except (KeyError, TypeError, ValueError, RecursionError):
        text = "Each operation has the parts op and path, and from or value."
        raise outcome.Invalid(text, expression=f"{expression}.parameter") from None
    return found


def _text(item: Mapping[str, Any], name: str, place: str) -> str:
    value = item.get(name, "")
    if not isinstance(value, str):
        raise outcome.Invalid(f"{name} is a text.", expression=f"{place}.{name}")
    return value


def _version(request: Mapping[str, Any], name: str, place: str) -> str:
    """The version in an entity tag, `W/"3"`."""
    text = _text(request, name, f"{place}.request")
    version = text.removeprefix("W/").strip('"')
    if text and not version:
        raise outcome.Invalid("This is not an entity tag.", expression=f"{place}.request.{name}")
    return version


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else type(value).__name__
    return ascii(text[:80])
