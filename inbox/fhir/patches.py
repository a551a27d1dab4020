"""JSON Patch on a resource: all operations or none, and nothing that makes it another resource.

Two things are taken that RFC 6902 refuses, because the messaging guides do them: `replace` of an absent member adds
it, and `add /note/-` makes the list where R4 says that the element is one. Source: RFC 6902.
"""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import jsonpatch
from jsonpatch import JsonPointer, JsonPointerException

from . import r4data
from .outcome import Invalid, TooLarge
from .types import Operations, Resource

MAX_OPERATIONS = 1000
MAX_DEPTH = 64
MAX_COPIED = 10_000
"""How many values the `copy` operations of one patch may make: each could double the resource."""

FIXED = ("id", "meta.versionId", "meta.lastUpdated", "resourceType")


def apply(resource: Resource, operations: Operations) -> Resource:
    """The resource after all operations; the one given stays as it is.

    Raises Invalid for the first operation that fails, naming it by number and by the element it is about.
    """
    if not isinstance(operations, list) or not operations:
        raise Invalid("A JSON Patch is a list of operations.")
    if len(operations) > MAX_OPERATIONS:
        raise TooLarge(f"A patch has at most {MAX_OPERATIONS} operations.")
    document = copy.deepcopy(resource)
    fixed, room = _fixed(resource), MAX_COPIED
    for index, operation in enumerate(operations):
        try:
            room -= _copied(document, operation)
            document = _apply(document, operation, room)
            _same(fixed, document)
        except (jsonpatch.JsonPatchException, JsonPointerException, _Refused, TypeError, RecursionError) as error:
            text = f"Operation {_named(index, operation)} can not be done: {_reason(error)}."
            raise Invalid(text, expression=element(resource["resourceType"], operation)) from None
    pruned: Resource = _pruned(document)
    return pruned


def element(type: str, operation: Any) -> str:
    """The element that an operation is about, as FHIRPath: `/note/0/text` of a Task is `Task.note[0].text`."""
    found = type
    for part in _parts(operation):
        if part.isdigit():
            found += f"[{part}]"
        elif part.isidentifier():
            found += f".{part}"
        else:
            break
    return found


def _pruned(value: Any) -> Any:
    """The result without lists that lost their last item: FHIR leaves those out."""
    if isinstance(value, list):
        return [_pruned(one) for one in value]
    if isinstance(value, dict):
        return {name: _pruned(one) for name, one in value.items() if one != []}
    return value


class _Refused(Exception):
    """What the standard would take and this server does not."""


def _apply(document: Resource, operation: Any, room: int) -> Resource:
    if room < 0:
        raise _Refused("it copies too much")
    if len(_parts(operation)) > MAX_DEPTH:
        raise _Refused("the path is too deep")
    patch = jsonpatch.JsonPatch([_lenient(document, copy.deepcopy(operation))])
    found: Resource = patch.apply(document, in_place=True)
    return found


def _lenient(document: Resource, operation: Any) -> Any:
    """The operation, or what the guides mean by it where the standard would refuse it."""
    if not isinstance(operation, dict) or operation.get("op") not in ("add", "replace"):
        return operation
    parts = _parts(operation)
    holder = _at(document, parts[:-1]) if parts else None
    if operation["op"] == "replace" and isinstance(holder, dict) and parts[-1] not in holder:
        return {**operation, "op": "add"}
    if operation["op"] == "add" and len(parts) > 1 and parts[-1] == "-" and holder is None and "value" in operation:
        owner = _at(document, parts[:-2])
        if isinstance(owner, dict) and parts[-2] not in owner and _is_list(document, parts[:-1]):
            return {"op": "add", "path": operation["path"].removesuffix("/-"), "value": [operation["value"]]}
    return operation


def _is_list(document: Resource, parts: Sequence[str]) -> bool:
    """Whether R4 says that the element at a path is a list."""
    value: Any = document
    shape: r4data.Shape | None = r4data.shape(document["resourceType"])
    many = False
    for part in parts:
        if isinstance(value, list):
            value, many = _child(value, part), False
            continue
        if isinstance(value, dict) and isinstance(value.get("resourceType"), str):
            shape = r4data.shape(value["resourceType"])
        found = shape.elements.get(part) if shape else None
        if found is None:
            return False
        value, many, shape = _child(value, part), found.many, r4data.shape(found.type)
    return many


def _at(document: Any, parts: Sequence[str]) -> Any:
    """What stands at a path; None for nothing."""
    for part in parts:
        document = _child(document, part)
    return document


def _child(value: Any, part: str) -> Any:
    if isinstance(value, list):
        return value[int(part)] if part.isascii() and part.isdigit() and int(part) < len(value) else None
    return value.get(part) if isinstance(value, dict) else None


def _parts(operation: Any, name: str = "path") -> list[str]:
    path = operation.get(name) if isinstance(operation, dict) else None
    try:
        return list(JsonPointer(path).parts) if isinstance(path, str) else []
    except JsonPointerException:
        return []


def _copied(document: Resource, operation: Any) -> int:
    """How many values an operation copies."""
    if not isinstance(operation, dict) or operation.get("op") != "copy":
        return 0
    return sum(1 for _ in _values(_at(document, _parts(operation, "from"))))


def _values(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _values(one)


def _fixed(resource: Any) -> list[Any]:
    return [_at(resource, name.split(".")) for name in FIXED]


def _same(fixed: list[Any], document: Any) -> None:
    """Raise for a result that is another resource, or another version of it."""
    if not isinstance(document, dict):
        raise _Refused("a resource is an object")
    for name, before, after in zip(FIXED, fixed, _fixed(document), strict=True):
        if before != after:
            raise _Refused(f"{name} does not change")


def _named(index: int, operation: Any) -> str:
    if not isinstance(operation, dict):
        return str(index)
    return f"{index} ({str(operation.get('op'))[:16]} {str(operation.get('path'))[:200]})"


def _reason(error: Exception) -> str:
    match error:
        case _Refused():
            return str(error)
        case jsonpatch.JsonPatchTestFailed():
            return "the test fails"
        case jsonpatch.JsonPatchConflict() | JsonPointerException():
            return "there is nothing at this path"
        case RecursionError():
            return "it is nested too deeply"
    return "it is not an operation of RFC 6902"
